package filter

import (
	"slices"

	"natlens/monitor"
)

// Env is what a filter may need to know of the world. The zero Env knows
// nothing, and works.
type Env struct {
	Labels     map[string]int       // bit numbers of the connection labels that have names (connlabel.conf)
	Nameless   error                // why labels have no names: the error of reading connlabel.conf; or nil
	Values     func(Field) []string // values that are about, for completion: what the table has seen
	Namespaces *monitor.Namespaces  // names of network namespaces; nil: none has one
	Now        func() monitor.Time  // for ages, where an event has no time; nil: such ages are unknown

	terse bool // errors suggest no filters
}

// maxDepth is how deep brackets and nots may nest.
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
	wants  []want // what could have come where the text ended
}

// item is one value, or a range of two.
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

// want is something that could follow where a text ends.
type want struct {
	what      wantKind
	field     Field
	open      bool // for wantJoin: a bracket is open
	qualifies bool // for wantOperator: "src" or "dst", which net and port may follow
	masked    bool // for wantOperator: behind a mask
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

// expect notes what could come next if the text ends here.
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
