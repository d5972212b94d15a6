package filter

import (
	"net/netip"
	"strings"
)

func isComparison(op string) bool {
	switch op {
	case "=", "==", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}

// test reads a comparison after its field: [& mask] [operator] values.
func (p *parser) test(f Field, name token) (Expr, error) {
	p.expect(want{what: wantValue, field: f})
	side := f.info().kind == kindAddr && (fold(name.text) == "src" || fold(name.text) == "dst")
	p.expect(want{what: wantOperator, field: f, qualifies: side && p.tokens[p.at-1] == name})
	var mask uint64
	if p.accept("&") {
		var err *Error
		if mask, err = p.mask(f, p.tokens[p.at-1]); err != nil {
			return nil, err
		}
		p.expect(want{what: wantOperator, field: f, masked: true})
		switch n := p.peek(); {
		case n.kind == tokOp && (n.text[0] == '<' || n.text[0] == '>'):
			return nil, p.fail(n, "after a mask comes == or !=")
		case (n.kind != tokOp || !isComparison(n.text)) && !isIn(n) && !p.isNotIn():
			return newCmp(f, mask, Ne, []Range{{}}), nil
		}
	}
	op, err := p.operator(f)
	if err != nil {
		return nil, err
	}
	if f.info().kind == kindHex && mask == 0 {
		if x, ok, err := p.slashMask(f, op); ok || err != nil {
			return x, err
		}
	}
	return p.values(f, mask, op)
}

// mask reads what follows the &.
func (p *parser) mask(f Field, and token) (uint64, *Error) {
	if !f.info().kind.masked {
		return 0, p.fail(and, "only mark, status and keys can be masked")
	}
	t := p.next()
	if t.kind != tokAtom {
		return 0, p.fail(t, "a mask should follow: mark & 0xff")
	}
	v, err := p.number(f, t, f.info().max)
	if err == nil && v == 0 {
		err = p.fail(t, "a mask of 0 leaves nothing to compare")
	}
	return v, err
}

// slashMask reads conntrack(8)'s way to write a mask: mark 0x10/0xff.
func (p *parser) slashMask(f Field, op Op) (Expr, bool, error) {
	t := p.peek()
	i := strings.IndexByte(t.text, '/')
	if t.kind != tokAtom || i < 0 {
		return nil, false, nil
	}
	p.next()
	value := token{tokAtom, t.text[:i], t.pos, t.pos + i}
	behind := token{tokAtom, t.text[i+1:], t.pos + i + 1, t.end}
	v, err := p.number(f, value, f.info().max)
	if err != nil {
		return nil, true, err
	}
	mask, err := p.number(f, behind, f.info().max)
	if err != nil {
		return nil, true, err
	}
	if op != Eq && op != Ne {
		return nil, true, p.fail(t, "a masked value is compared with == or !=")
	}
	if mask == 0 {
		return nil, true, p.fail(behind, "a mask of 0 leaves nothing to compare")
	}
	if v&^mask != 0 {
		return nil, true, p.fail(value, "has bits outside the mask: never true")
	}
	return newCmp(f, mask, op, []Range{{v, v}}), true, nil
}

func isIn(t token) bool { return t.kind == tokAtom && fold(t.text) == "in" }

func (p *parser) isNotIn() bool {
	t := p.peek()
	return t.kind == tokAtom && fold(t.text) == "not" && isIn(p.tokens[p.at+1])
}

// operator reads the operator between a field and its values; none means ==.
func (p *parser) operator(f Field) (Op, *Error) {
	t := p.peek()
	if t.kind == tokAtom {
		switch fold(t.text) {
		case "in":
			p.next()
			return Eq, nil
		case "not":
			if p.isNotIn() {
				p.at += 2
				return Ne, nil
			}
		}
		return Eq, nil
	}
	if t.kind != tokOp || !isComparison(t.text) {
		return Eq, nil
	}
	p.next()
	switch t.text {
	case "!=":
		return Ne, nil
	case "=", "==":
		return Eq, nil
	}
	if !f.info().kind.ordered {
		return Eq, p.fail(t, f.String()+" has no order: use ==, != or in")
	}
	switch t.text {
	case "<":
		return Lt, nil
	case "<=":
		return Le, nil
	case ">":
		return Gt, nil
	}
	return Ge, nil
}

// values reads one value or several and makes the comparison.
func (p *parser) values(f Field, mask uint64, op Op) (Expr, error) {
	items, err := p.items(f)
	if err != nil {
		return nil, err
	}
	if op != Eq && op != Ne && (len(items) != 1 || items[0].hi.kind != tokEnd) {
		return nil, p.fail(items[0].lo, "one value is compared with "+op.String()+", not several")
	}
	switch f.info().kind {
	case kindAddr:
		var set []netip.Prefix
		for _, it := range items {
			nets, err := p.networks(it)
			if err != nil {
				return nil, err
			}
			set = append(set, nets...)
		}
		return newAddr(f, op, set), nil
	case kindText:
		var set []string
		for _, it := range items {
			if it.hi.kind != tokEnd {
				return nil, p.fail(it.hi, "texts have no range")
			}
			set = append(set, it.lo.text)
		}
		return newText(f, op, set), nil
	case kindStatus, kindNAT:
		if mask == 0 {
			return p.bits(f, op, items)
		}
	}
	var set []Range
	for _, it := range items {
		r, err := p.ranges(f, it)
		if err != nil {
			return nil, err
		}
		if mask != 0 && (r[0].Lo&^mask != 0 || r[0].Hi&^mask != 0) {
			return nil, p.fail(it.lo, "has bits outside the mask: never true")
		}
		set = append(set, r...)
	}
	return newCmp(f, mask, op, set), nil
}

// items reads a value, a range, several with commas, or a set in braces.
func (p *parser) items(f Field) ([]item, *Error) {
	braces := p.accept("{")
	var out []item
	for {
		p.expect(want{what: wantValue, field: f})
		it, err := p.item(f)
		if err != nil {
			return nil, err
		}
		out = append(out, it)
		if braces {
			p.expect(want{what: wantInSet})
		}
		if p.accept(",") {
			continue
		}
		if !braces {
			return out, nil
		}
		if p.accept("}") {
			return out, nil
		}
		t := p.peek()
		if t.kind == tokEnd {
			return nil, p.fail(t, "the set is not closed with }")
		}
		return nil, p.fail(t, "values of a set are parted by commas")
	}
}

func (p *parser) item(f Field) (item, *Error) {
	lo, err := p.value(f)
	if err != nil {
		return item{}, err
	}
	if !p.accept("..") {
		return item{lo: lo}, nil
	}
	hi, err := p.value(f)
	return item{lo, hi}, err
}

// value takes the token of a value; what it means is decided later.
func (p *parser) value(f Field) (token, *Error) {
	t := p.peek()
	if t.kind == tokString || t.kind == tokAtom && !isJoin(t) && fold(t.text) != "not" && !isIn(t) {
		return p.next(), nil
	}
	err := p.fail(t, f.info().kind.noun+" is expected here")
	err.Expected = f.info().kind.samples()
	if t.kind == tokEnd {
		p.lacks(err, f.info().kind.noun)
	} else if isJoin(t) {
		err.Suggestion = p.shared()
	}
	return t, err
}
