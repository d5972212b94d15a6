package filter

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"natlens/monitor"
)

// CandidateKind says what a candidate is.
type CandidateKind uint8

// The kinds of candidates.
const (
	CandidateWord     CandidateKind = iota // and, or, not, has, tcp, assured …
	CandidateField                         // a field's name
	CandidateOperator                      // ==, <, in, {, , …
	CandidateValue                         // a value of the field before it
	CandidateHint                          // nothing to insert: Doc says what to type
)

// Candidate is something that can come next in a filter.
type Candidate struct {
	Text       string // replaces Start..End; "" for a hint
	Doc        string // a short description
	Kind       CandidateKind
	Start, End int // in runes: the beginning of the word before the cursor, and the cursor
}

// Complete returns what can come next at the cursor, in the order in which to offer it. The
// cursor counts runes from 0. The candidates begin with the letters before the cursor; the text
// after it is ignored. There are none if the text before the cursor is wrong.
func (env Env) Complete(text string, cursor int) []Candidate {
	before := string([]rune(text)[:min(max(cursor, 0), utf8.RuneCountInString(text))])
	tokens := lex(before)
	letters := ""
	if n := len(tokens); n > 1 && tokens[n-2].kind == tokAtom && tokens[n-2].end == len(before) {
		letters = tokens[n-2].text
	}
	c := completion{
		env: env, letters: fold(letters),
		start: utf8.RuneCountInString(before) - utf8.RuneCountInString(letters),
		end:   utf8.RuneCountInString(before),
	}
	for _, w := range env.wants(before[:len(before)-len(letters)]) {
		c.offer(w)
	}
	return c.out
}

// wants returns what the parser accepts after the text.
func (env Env) wants(text string) []want {
	p := parser{env: env, text: text, tokens: lex(text)}
	_, _ = p.parse() // most texts are incomplete; after an error before the end there are no wants
	return p.wants
}

// completion collects candidates.
type completion struct {
	env        Env
	letters    string // folded
	start, end int
	out        []Candidate
}

func (c *completion) add(kind CandidateKind, text, doc string) {
	if !strings.HasPrefix(fold(text), c.letters) {
		return
	}
	for _, o := range c.out {
		if o.Text == text && text != "" {
			return
		}
	}
	c.out = append(c.out, Candidate{text, doc, kind, c.start, c.end})
}

func (c *completion) offer(w want) {
	switch w.what {
	case wantTerm:
		c.terms()
	case wantJoin:
		c.add(CandidateWord, "and", "both")
		c.add(CandidateWord, "or", "either")
		if w.open {
			c.add(CandidateOperator, ")", "closes the bracket")
		}
		c.terms()
	case wantOperator:
		c.operators(w)
	case wantValue:
		c.values(w.field)
	case wantInSet:
		c.add(CandidateOperator, ",", "one more value")
		c.add(CandidateOperator, "}", "closes the set")
	case wantHas:
		for _, f := range fieldOrder {
			if f.info().attrs != 0 {
				c.add(CandidateField, f.String(), f.info().doc)
			}
		}
	}
}

// common are the words that most filters begin with. They are offered first.
var common = []string{"tcp", "udp", "icmp", "icmpv6", "ipv4", "ipv6", "port", "sport", "dport", "host", "net", "src",
	"dst", "nat", "snat", "dnat", "state", "established", "assured", "unreplied", "event",
	"mark", "zone", "bytes", "age"}

// terms offers what can begin a condition. Aliases and "msg." fields are offered only after
// their first letters.
func (c *completion) terms() {
	for _, w := range common {
		c.term(w)
	}
	c.add(CandidateWord, "not", "negates the next condition")
	c.add(CandidateWord, "has", "the attribute is known")
	c.add(CandidateOperator, "(", "a group")
	c.add(CandidateOperator, "~", "a text that a row shows")
	for _, f := range fieldOrder {
		c.term(f.String())
	}
	for _, w := range bareOrder {
		if c.letters != "" || !slices.Contains(bareAliases, w) {
			c.term(w)
		}
	}
	if c.letters == "" {
		return
	}
	for _, f := range fieldOrder {
		for _, n := range f.info().names[1:] {
			c.term(n)
		}
	}
	c.values(FieldPort)
	c.values(FieldProto)
	if strings.HasPrefix(c.letters, "msg") {
		for _, f := range fieldOrder {
			if f.hasSent() {
				c.add(CandidateField, (f | Sent).String(), f.info().doc+", of this message only")
			}
		}
	}
}

// term offers a word that can begin a condition.
func (c *completion) term(word string) {
	if f, ok := fieldByName[word]; ok {
		c.add(CandidateField, word, f.info().doc)
	} else if x, ok := bareWords[word].(Cmp); ok {
		c.add(CandidateWord, display(word), valueDoc(x.Field, word))
	} else if all, ok := bareWords[word].(Const); ok {
		c.add(CandidateWord, word, map[Const]string{true: "everything", false: "nothing"}[all])
	}
}

func (c *completion) operators(w want) {
	if w.qualifies {
		for _, word := range []string{"host", "net", "port", "portrange", "country", "city", "as"} {
			c.add(CandidateWord, word, "of that side")
		}
	}
	docs := [...][2]string{{"==", "equals"}, {"!=", "does not equal"}, {"in", "is in the set"},
		{"not in", "is not in the set"}, {"<", "is less than"}, {"<=", "is at most"},
		{">", "is more than"}, {">=", "is at least"}}
	n, k := len(docs), w.field.info().kind
	if !k.ordered || w.masked {
		n = 4
	}
	for _, d := range docs[:n] {
		c.add(CandidateOperator, d[0], d[1])
	}
	if k.masked && !w.masked {
		c.add(CandidateOperator, "&", "some of its bits")
	}
}

// values offers the values in use, then the named values, then a hint.
func (c *completion) values(f Field) {
	k := f.info().kind
	if c.env.Values != nil {
		for _, v := range c.env.Values(f &^ Sent) {
			if k == kindText || f.isLookedUp() {
				v = Quote(v)
			}
			c.add(CandidateValue, v, "seen")
		}
	}
	if f&^Sent == FieldNetNS {
		c.env.Namespaces.All(func(_ monitor.NetNS, n monitor.Namespace) {
			c.add(CandidateValue, Quote(n.String()), "network namespace")
		})
	}
	switch k {
	case kindLabel:
		for _, n := range slices.Sorted(maps.Keys(c.env.Labels)) {
			c.add(CandidateValue, n, "label")
		}
	case kindPort:
		if c.letters != "" {
			for _, w := range k.sorted() {
				c.add(CandidateValue, w, "port "+f.info().kind.value(uint64(services[w])))
			}
		}
	default:
		for _, w := range k.sorted() {
			c.add(CandidateValue, w, valueDoc(f, w))
		}
	}
	if c.letters == "" && k != kindNAT {
		c.add(CandidateHint, "", k.noun+": "+strings.Join(k.samples(), " "))
	}
}

// valueDoc describes a named value.
func valueDoc(f Field, word string) string {
	switch f.info().kind {
	case kindProto:
		return "protocol " + strconv.FormatUint(protocols[fold(word)], 10)
	case kindStatus, kindNAT:
		w, _ := f.info().kind.bit(word)
		if f&Sent != 0 {
			return w.phrase + " in the message itself"
		}
		return w.phrase
	case kindState:
		var in []string
		for _, r := range stateSet(word) {
			in = append(in, monitor.Proto(r.Lo>>8).String())
		}
		return "state of " + strings.Join(in, ", ")
	}
	return f.String() + " " + word
}
