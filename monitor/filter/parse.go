package filter

import (
	"regexp"
	"strconv"
	"strings"

	"natlens/monitor/human"
)

// Parse reads a filter. The empty text selects everything. Every error is an *Error.
func Parse(text string) (Expr, error) { return Env{}.Parse(text) }

// Parse is [Parse] with names of labels.
func (env Env) Parse(text string) (Expr, error) {
	p := parser{env: env, text: text, tokens: lex(text)}
	return p.parse()
}

func (p *parser) parse() (x Expr, err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *Error:
			err = e
		default:
			panic(e)
		}
	}()
	p.expect(want{what: wantTerm})
	if p.peek().kind == tokEnd {
		return Const(true), nil
	}
	all := p.any()
	if t := p.peek(); t.kind != tokEnd {
		return nil, p.stray(t)
	}
	return all, nil
}

// any reads parts that are joined by or.
func (p *parser) any() Expr {
	parts := []Expr{p.all()}
	for p.peek().isOr() {
		parts = append(parts, p.all())
	}
	return AnyOf(parts...)
}

// all reads parts that are joined by and, or are side by side. Each part reads the and before
// it.
func (p *parser) all() Expr {
	parts := []Expr{p.part()}
	for {
		p.expect(want{what: wantJoin})
		if t := p.peek(); t.isOr() || t.kind != tokAtom && t.kind != tokRegexp && !t.is("&&") && !t.is("(") &&
			!t.is("!") && !t.is("~") {
			return AllOf(parts...)
		}
		parts = append(parts, p.part())
	}
}

// part reads one part, with the and, or or && before it.
func (p *parser) part() Expr {
	if p.at > 0 && isJoin(p.peek()) {
		p.next()
		if t := p.peek(); isJoin(t) {
			panic(p.fail(t, "two joining words in a row"))
		}
	}
	p.expect(want{what: wantTerm})
	t := p.next()
	switch {
	case t.kind == tokEnd:
		panic(p.lacks("a condition"))
	case t.is("("):
		p.deeper(t)
		p.open++
		x := p.any()
		if end := p.peek(); end.kind == tokEnd {
			panic(p.fail(t, "the bracket is not closed"))
		} else if !p.accept(")") {
			panic(p.stray(end))
		}
		p.open--
		p.depth--
		return x
	case t.is("!"), t.isWord("not"):
		p.deeper(t)
		x := p.part()
		p.depth--
		return Negate(x)
	case t.kind == tokAtom && !isJoin(t):
		return p.term(t)
	case t.is("~"):
		return p.search()
	case t.kind == tokRegexp:
		return p.regexp(t)
	case t.kind == tokString:
		panic(p.fail(t, "a text alone says nothing; write ~ "+strconv.Quote(t.text)))
	}
	panic(p.fail(t, "a condition is expected here"))
}

// deeper counts a bracket or a not, after which no and or or may follow.
func (p *parser) deeper(t token) {
	if p.depth++; p.depth > maxDepth {
		panic(p.fail(t, "nested too deep"))
	}
	if next := p.peek(); isJoin(next) {
		panic(p.fail(next, "a condition is expected here"))
	}
}

// term reads a condition: a bare word, or a field and its values.
func (p *parser) term(t token) Expr {
	word := fold(t.text)
	if word == "has" {
		return p.has()
	}
	if f, ok := qualified[word+" "+fold(p.peek().text)]; ok && p.peek().kind == tokAtom {
		p.next()
		return p.test(f, t)
	}
	if f, ok := fieldOf(word); ok {
		return p.field(f, t)
	}
	if x, ok := bareWords[word]; ok {
		return x
	}
	if x := p.bare(t); x != nil {
		return x
	}
	if rest, ok := strings.CutPrefix(word, "msg."); ok {
		if f, ok := fieldByName[rest]; ok {
			panic(p.fail(t, "every message contains it: write "+f.String()))
		}
	}
	panic(p.unknown(t))
}

func (p *parser) has() Expr {
	p.expect(want{what: wantHas})
	t := p.next()
	if t.kind != tokAtom {
		panic(p.fail(t, "the name of a field should follow has"))
	}
	f, ok := fieldOf(fold(t.text))
	if !ok {
		err := p.fail(t, "no field has this name")
		err.Suggestion = human.Nearest(t.text, hasWords)
		panic(err)
	}
	if f.isLookedUp() {
		return Text{f, Eq, []string{"*"}}
	}
	if f.info().attrs == 0 {
		panic(p.fail(t, "every event has it"))
	}
	return Has{f}
}

// field reads the rest of a condition that begins with a field's name. Some fields are
// conditions without a value.
func (p *parser) field(f Field, t token) Expr {
	switch f &^ Sent {
	case FieldMaster:
		return Has{f}
	case FieldInferred:
		return Cmp{f, 0, Eq, []Range{{1, 1}}}
	case FieldNAT:
		p.expect(want{what: wantValue, field: f})
		v := p.peek()
		_, isBit := kindNAT.bit(v.text)
		if !v.is("{") && !p.atOperator() && !(v.kind == tokAtom && isBit) {
			return Cmp{f, natKinds, Ne, []Range{{}}}
		}
	}
	return p.test(f, t)
}

const searchHint = `a text or /regexp/ should follow ~; write other characters "like this"`

// search reads what follows ~.
func (p *parser) search() Expr {
	t := p.next()
	switch {
	case t.kind == tokAtom && !isJoin(t), t.kind == tokString:
		return Match{Text: t.text}
	case t.kind == tokEnd:
		panic(p.lacks("a text or /regexp/"))
	}
	panic(p.fail(t, searchHint))
}

// regexp reads a token of the form /…/.
func (p *parser) regexp(t token) Expr {
	if _, err := regexp.Compile(t.text); err != nil {
		panic(p.fail(t, strings.TrimPrefix(err.Error(), "error parsing regexp: ")))
	}
	return Match{t.text, true}
}
