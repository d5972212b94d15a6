package filter

import (
	"strconv"
	"strings"

	"natlens/monitor/human"
)

// Parse reads a filter. The empty text wants everything. Any error is an *Error.
func Parse(text string) (Expr, error) { return Env{}.Parse(text) }

// Parse is [Parse] with names of labels.
func (env Env) Parse(text string) (Expr, error) {
	p := parser{env: env, text: text, tokens: lex(text)}
	p.expect(want{what: wantTerm})
	if p.peek().kind == tokEnd {
		return Const(true), nil
	}
	x, err := p.expr(powerOr)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, p.stray(t)
	}
	return x, nil
}

func (p *parser) expr(power int) (Expr, error) {
	x, err := p.prefix()
	if err != nil {
		return nil, err
	}
	run, runs := []Expr{x}, powerNone
	for {
		joins := p.joiner()
		if joins == powerNone || joins < power {
			return join(runs, run), nil
		}
		right, err := p.expr(joins + 1)
		if err != nil {
			return nil, err
		}
		if runs != joins {
			run, runs = []Expr{join(runs, run)}, joins
		}
		run = append(run, right)
	}
}

func join(power int, parts []Expr) Expr {
	if power == powerOr {
		return AnyOf(parts...)
	}
	return AllOf(parts...)
}

// joiner says how tightly what follows is joined, powerNone if nothing is. It
// eats nothing: prefix does. Two parts side by side are joined by and.
func (p *parser) joiner() int {
	p.expect(want{what: wantJoin})
	t := p.peek()
	if t.kind == tokOp {
		switch t.text {
		case "&&":
			return powerAnd
		case "||":
			return powerOr
		case "(", "!":
			return powerAnd
		}
		return powerNone
	}
	if t.kind != tokAtom {
		return powerNone
	}
	if fold(t.text) == "or" {
		return powerOr
	}
	return powerAnd
}

// prefix reads one part, with the and, or or && before it.
func (p *parser) prefix() (Expr, error) {
	if p.at > 0 && isJoin(p.peek()) {
		p.next()
		if t := p.peek(); isJoin(t) {
			return nil, p.fail(t, "two joining words in a row")
		}
	}
	p.expect(want{what: wantTerm})
	t := p.next()
	switch {
	case t.kind == tokEnd:
		err := p.fail(t, "the filter ends too early")
		err.Expected = []string{"a condition"}
		return nil, p.lacks(err, "a condition")
	case t.is("("):
		return p.bracket(t)
	case t.is("!"), t.kind == tokAtom && fold(t.text) == "not":
		if p.depth++; p.depth > maxDepth {
			return nil, p.fail(t, "nested too deep")
		}
		x, err := p.prefixAfterNot()
		p.depth--
		if err != nil {
			return nil, err
		}
		return Negate(x), nil
	case t.kind == tokAtom && !isJoin(t):
		return p.term(t)
	case t.kind == tokAtom || t.kind == tokOp:
		err := p.fail(t, "a condition is expected here")
		err.Expected = []string{"a condition"}
		return nil, err
	case t.kind == tokString:
		return nil, p.fail(t, "a text alone says nothing; write helper "+strconv.Quote(t.text))
	}
	return nil, p.fail(t, "")
}

// prefixAfterNot is prefix, but no joining word may come between.
func (p *parser) prefixAfterNot() (Expr, error) {
	if t := p.peek(); isJoin(t) {
		return nil, p.fail(t, "a condition is expected here")
	}
	return p.prefix()
}

func (p *parser) bracket(open token) (Expr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(open, "nested too deep")
	}
	p.open++
	if isJoin(p.peek()) {
		return nil, p.fail(p.peek(), "a condition is expected here")
	}
	x, err := p.expr(powerOr)
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		t := p.peek()
		if t.kind == tokEnd {
			return nil, p.fail(open, "the bracket is not closed")
		}
		return nil, p.stray(t)
	}
	p.open--
	p.depth--
	return x, nil
}

// term reads what a word begins: a word of its own, or a field and its values.
func (p *parser) term(t token) (Expr, error) {
	word := fold(t.text)
	if word == "has" {
		return p.has()
	}
	if f, ok := p.qualified(word); ok {
		return p.test(f, t)
	}
	if f, ok := fieldOf(word); ok {
		return p.field(f, t)
	}
	if x, ok := bareWords[word]; ok {
		return x, nil
	}
	if rest, ok := strings.CutPrefix(word, "msg."); ok {
		if f, ok := fieldByName[rest]; ok {
			return nil, p.fail(t, "every message contains it: write "+f.String())
		}
	}
	return nil, p.unknown(t)
}

// fieldOf finds a field by its word, with or without the prefix "msg.".
func fieldOf(word string) (Field, bool) {
	if f, ok := fieldByName[word]; ok {
		return f, true
	}
	if rest, ok := strings.CutPrefix(word, "msg."); ok {
		if f, ok := fieldByName[rest]; ok && f.info().attrs != 0 && f != FieldAge {
			return f | Sent, true
		}
	}
	return FieldNone, false
}

// qualified reads tcpdump's "src port", "dst host", "src net" and the like.
func (p *parser) qualified(word string) (Field, bool) {
	if word != "src" && word != "dst" || p.peek().kind != tokAtom {
		return FieldNone, false
	}
	var f Field
	switch fold(p.peek().text) {
	case "host", "net":
		f = FieldOrigSrc
	case "port", "portrange":
		f = FieldOrigSPort
	default:
		return FieldNone, false
	}
	p.next()
	if word == "dst" {
		f++ // the destination follows the source
	}
	return f, true
}

func (p *parser) has() (Expr, error) {
	p.expect(want{what: wantHas})
	t := p.next()
	if t.kind == tokAtom {
		f, ok := fieldOf(fold(t.text))
		if ok && f.info().attrs != 0 {
			return Has{f}, nil
		}
		if ok {
			return nil, p.fail(t, "every event has it")
		}
		err := p.fail(t, "no field has this name")
		err.Suggestion = human.Nearest(t.text, hasWords)
		return nil, err
	}
	return nil, p.fail(t, "the name of a field should follow has")
}

// field reads the rest of a condition that begins with a field's name. Some
// fields say something alone.
func (p *parser) field(f Field, t token) (Expr, error) {
	switch f &^ Sent {
	case FieldMaster:
		return Has{f}, nil
	case FieldInferred:
		return Cmp{f, 0, Eq, []Range{{1, 1}}}, nil
	case FieldNAT:
		p.expect(want{what: wantValue, field: f})
		if !p.atNATValue() {
			return Cmp{f, natKinds, Ne, []Range{{}}}, nil
		}
	}
	return p.test(f, t)
}

// atNATValue reports whether a comparison goes on after nat.
func (p *parser) atNATValue() bool {
	t := p.peek()
	if t.kind == tokAtom {
		_, isBit := natWords[fold(t.text)]
		return isBit || isIn(t) || p.isNotIn()
	}
	return t.is("{") || t.kind == tokOp && isComparison(t.text)
}
