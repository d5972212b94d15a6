package filter

import (
	"slices"
	"strconv"
	"unicode/utf8"

	"natlens/monitor"
)

// Env is what a filter needs besides its text. The zero value has no names and is ready to use.
type Env struct {
	Labels     map[string]int       // bit numbers of connection labels by name (connlabel.conf)
	Nameless   error                // why labels have no names: the error of reading connlabel.conf
	Values     func(Field) []string // values in use, for completion; may be nil
	Namespaces *monitor.Namespaces  // names of network namespaces; nil: no names
	Gateway    monitor.Gateway      // of events whose namespace has none
	Now        func() monitor.Time  // for ages of events without a time; nil: such ages are unknown

	// Local returns what is known of the process or container of an event without one; nil:
	// nothing is.
	Local func(*monitor.Flow) *monitor.Local

	Places monitor.Places // nil: no address has a place

	// Named returns the addresses of a shown name, and Shown what is shown of an end of a flow; nil:
	// names are not shown. Several goroutines may call Shown.
	Named func(name string) []monitor.Addr
	Shown func(monitor.Proto, monitor.Endpoint) string

	terse bool // errors contain no suggested filters
}

// maxDepth is the maximum nesting of brackets and nots.
const maxDepth = 200

// parser reads the tokens by recursive descent. Its methods panic with an *Error, which
// parse returns.
type parser struct {
	env    Env
	text   string
	tokens []token
	at     int
	depth  int
	open   int    // brackets that are open
	wants  []want // what can follow at the end of the text
}

// item is one value, or a range.
type item struct{ lo, hi token }

// fail returns the error of a token.
func (p *parser) fail(t token, msg string) *Error {
	if t.kind == tokBad {
		msg = t.text
	}
	return newError(p.text, t.pos, t.end, msg)
}

// must returns v, or panics for the parser.
func must[T any](v T, err *Error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// want is something that can follow at the end of a text.
type want struct {
	what      wantKind
	field     Field
	open      bool // for wantJoin: a bracket is open
	qualifies bool // for wantOperator: after "src" or "dst", which net and port may follow
	masked    bool // for wantOperator: after a mask
}

type wantKind uint8

const (
	wantTerm     wantKind = iota // a condition
	wantJoin                     // and, or, a closing bracket, the next condition
	wantOperator                 // ==, <, in …
	wantValue                    // a value of the field
	wantInSet                    // , or }
	wantHas                      // a field after has
)

// expect records what can follow if the text ends here.
func (p *parser) expect(w want) {
	if p.peek().kind == tokEnd {
		w.open = p.open > 0
		if !slices.Contains(p.wants, w) {
			p.wants = append(p.wants, w)
		}
	}
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

func (p *parser) accept(op string) bool {
	if p.peek().is(op) {
		p.at++
		return true
	}
	return false
}

func (t token) isAnd() bool { return t.is("&&") || t.isWord("and") }
func (t token) isOr() bool  { return t.is("||") || t.isWord("or") }

func isJoin(t token) bool { return t.isAnd() || t.isOr() }

// Error describes what is wrong in a filter, and where.
type Error struct {
	Text       string // the whole text
	Col        int    // position in runes from 1; one after the last rune if the text ends too early
	Len        int    // number of runes; 1 at the end of the text
	Msg        string // what is wrong, without the word itself
	Suggestion string // a similar word or filter, or ""
}

// Error returns one line with the column.
func (e *Error) Error() string {
	s := "column " + strconv.Itoa(e.Col) + ": "
	if w := e.word(); w != "" {
		s += monitor.Escape(w) + ": "
	}
	return s + e.Msg + e.hint()
}

func (e *Error) hint() string {
	if e.Suggestion != "" {
		return "; did you mean " + e.Suggestion + "?"
	}
	return ""
}

// word returns the wrong text, "" at the end.
func (e *Error) word() string {
	runes := []rune(e.Text)
	from := min(e.Col-1, len(runes))
	return string(runes[from:min(from+e.Len, len(runes))])
}

// newError returns an Error for the bytes pos to end.
func newError(text string, pos, end int, msg string) *Error {
	return &Error{
		Text: text,
		Col:  1 + utf8.RuneCountInString(text[:pos]),
		Len:  max(1, utf8.RuneCountInString(text[pos:end])),
		Msg:  msg,
	}
}
