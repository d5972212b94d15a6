package filter

import (
	"strconv"
	"strings"
)

// ranges reads one value or range of a numeric field. The name of a state may
// mean several numbers.
func (p *parser) ranges(f Field, it item) ([]Range, *Error) {
	if f.info().kind == kindState {
		return p.states(it)
	}
	if it.hi.kind == tokEnd {
		v, err := p.scalar(f, it.lo)
		if err == nil {
			return []Range{{v, v}}, nil
		}
		lo, hi, ok := p.hyphen(f, it.lo)
		if !ok {
			return nil, err
		}
		it = item{lo, hi}
	}
	if f.info().kind.discrete {
		return nil, p.fail(it.hi, f.String()+" has no order and so no ranges")
	}
	lo, err := p.scalar(f, it.lo)
	if err != nil {
		return nil, err
	}
	hi, err := p.scalar(f, it.hi)
	if err != nil {
		return nil, err
	}
	if lo > hi {
		err := newError(p.text, it.lo.pos, it.hi.end, "the range runs backwards")
		err.Suggestion = it.hi.text + ".." + it.lo.text
		return nil, err
	}
	return []Range{{lo, hi}}, nil
}

// hyphen cuts tcpdump's 1024-2047 in two. Names may have hyphens of their own:
// it is tried only for what is no value as a whole.
func (p *parser) hyphen(f Field, t token) (lo, hi token, ok bool) {
	i := strings.IndexByte(t.text, '-')
	if t.kind != tokAtom || i <= 0 || i == len(t.text)-1 || f.info().kind.discrete {
		return lo, hi, false
	}
	if c := t.text[0]; c < '0' || c > '9' {
		return lo, hi, false
	}
	return token{tokAtom, t.text[:i], t.pos, t.pos + i}, token{tokAtom, t.text[i+1:], t.pos + i + 1, t.end}, true
}

// scalar reads one value of a numeric field.
func (p *parser) scalar(f Field, t token) (uint64, *Error) {
	k := f.info().kind
	if v, ok := k.named[fold(t.text)]; ok {
		return v, nil
	}
	if k.units != nil {
		return p.quantity(f, t)
	}
	if k == kindLabel {
		if v, ok := p.env.Labels[t.text]; ok && v >= 0 && v <= 127 {
			return uint64(v), nil
		}
	}
	if !k.nameless {
		return 0, p.noValue(f, t)
	}
	return p.number(f, t, f.info().max)
}

// number reads a decimal or hexadecimal number up to limit.
func (p *parser) number(f Field, t token, limit uint64) (uint64, *Error) {
	digits, base := t.text, 10
	if len(digits) > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') {
		digits, base = digits[2:], 16
	}
	for _, c := range digits {
		if c >= 0x80 || !isDigit(byte(c), base) {
			return 0, p.noValue(f, t)
		}
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if digits == "" {
		return 0, p.noValue(f, t)
	}
	if err != nil || v > limit {
		e := p.fail(t, f.String()+" goes from 0 to "+strconv.FormatUint(limit, 10))
		if base == 16 {
			e.Msg = f.String() + " goes from 0 to 0x" + strconv.FormatUint(limit, 16)
		}
		e.Expected = []string{"0.." + strconv.FormatUint(limit, 10)}
		return 0, e
	}
	return v, nil
}

func isDigit(c byte, base int) bool {
	return c >= '0' && c <= '9' || base == 16 && (c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F')
}

// states reads the name of a state: it means that state of every protocol
// that has one of the name.
func (p *parser) states(it item) ([]Range, *Error) {
	if it.hi.kind != tokEnd {
		return nil, p.fail(it.hi, "state has no order and so no ranges")
	}
	if set := stateSet(it.lo.text); set != nil {
		return set, nil
	}
	return nil, p.noValue(FieldState, it.lo)
}

// bits reads words for bits of the status or of the NAT kind.
func (p *parser) bits(f Field, op Op, items []item) (Expr, error) {
	var out []Expr
	for _, it := range items {
		if it.hi.kind != tokEnd {
			return nil, p.fail(it.hi, f.String()+" has no order and so no ranges")
		}
		c, ok := bitWord(f, it.lo.text)
		if !ok {
			if f.info().kind != kindStatus || it.lo.text == "" || !isDigit(it.lo.text[0], 10) {
				return nil, p.noValue(f, it.lo)
			}
			v, err := p.number(f, it.lo, f.info().max)
			if err != nil {
				return nil, err
			}
			c = Cmp{Set: []Range{{v, v}}}
		}
		if op == Ne { // turned round: Eq and Ne are 0 and 1
			c.Op ^= Ne
		}
		out = append(out, newCmp(f, c.Mask, c.Op, c.Set))
	}
	if op == Ne {
		return AllOf(out...), nil
	}
	return AnyOf(out...), nil
}
