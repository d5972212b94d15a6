package filter

import (
	"errors"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ranges reads one value or range of a numeric field. The name of a state may mean several
// numbers.
func (p *parser) ranges(f Field, it item) []Range {
	if f.info().kind.discrete && it.hi.kind != tokEnd {
		panic(p.fail(it.hi, f.String()+" has no order and so no ranges"))
	}
	if f.info().kind == kindState {
		if set := stateSet(it.lo.text); set != nil {
			return set
		}
		panic(p.noValue(f, it.lo))
	}
	if it.hi.kind == tokEnd {
		v, err := p.scalar(f, it.lo)
		if err == nil {
			return []Range{{v, v}}
		}
		// tcpdump's 1024-2047; names may contain hyphens too
		lo, hi := it.lo.cut('-')
		if lo.text == "" || hi.text == "" || !isDigit(lo.text[0]) || f.info().kind.discrete {
			panic(err)
		}
		it = item{lo, hi}
	}
	lo, hi := must(p.scalar(f, it.lo)), must(p.scalar(f, it.hi))
	if lo > hi {
		panic(p.backwards(it))
	}
	return []Range{{lo, hi}}
}

// backwards returns an error if a range ends before it begins.
func (p *parser) backwards(it item) *Error {
	err := newError(p.text, it.lo.pos, it.hi.end, "the range runs backwards")
	err.Suggestion = it.hi.text + ".." + it.lo.text
	return err
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
	digits, base, prefix := t.text, 10, ""
	if len(digits) > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') {
		digits, base, prefix = digits[2:], 16, "0x"
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		return 0, p.noValue(f, t)
	}
	if err != nil || v > limit {
		return 0, p.fail(t, f.String()+" goes from 0 to "+prefix+strconv.FormatUint(limit, base))
	}
	return v, nil
}

// bits reads words for bits of the status or of the NAT kind.
func (p *parser) bits(f Field, op Op, items []item) Expr {
	out := mapped(items, func(it item) Expr {
		if it.hi.kind != tokEnd {
			panic(p.fail(it.hi, f.String()+" has no order and so no ranges"))
		}
		if w, ok := f.info().kind.bit(it.lo.text); ok {
			return w.cmp(f, op)
		}
		if f.info().kind != kindStatus || it.lo.text == "" || !isDigit(it.lo.text[0]) {
			panic(p.noValue(f, it.lo))
		}
		v := must(p.number(f, it.lo, f.info().max))
		return newCmp(f, 0, op, []Range{{v, v}})
	})
	if op == Ne {
		return AllOf(out...)
	}
	return AnyOf(out...)
}

// quantity reads a sum of numbers with units: 1h30m, 1.5M. A number without a unit has the unit
// plain.
func (p *parser) quantity(f Field, t token) (uint64, *Error) {
	k := f.info().kind
	sum, rest := new(big.Rat), t.text
	for first := true; first || rest != ""; first = false {
		name := strings.TrimLeft(rest, "0123456789.")
		number := rest[:len(rest)-len(name)]
		rest = strings.TrimLeftFunc(name, func(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' })
		name = name[:len(name)-len(rest)]
		size, ok := k.plain, name == "" && first && rest == "" // only a single number may have no unit
		if i := slices.IndexFunc(k.units, func(u unit) bool { return strings.EqualFold(u.name, name) }); i >= 0 {
			size, ok = k.units[i].size, true
		}
		v, isNumber := new(big.Rat).SetString(number)
		if !ok || !isNumber || number[0] == '.' || number[len(number)-1] == '.' ||
			!v.Mul(v, new(big.Rat).SetUint64(size)).IsInt() {
			return 0, p.noValue(f, t)
		}
		sum.Add(sum, v)
	}
	if n := sum.Num(); !n.IsUint64() || n.Uint64() > f.info().max {
		return 0, p.fail(t, "too much: "+f.String()+" goes up to "+k.value(f.info().max))
	}
	return sum.Num().Uint64(), nil
}

// networks reads an address, a network or a range of addresses.
func (p *parser) networks(f Field, it item) []netip.Prefix {
	if it.hi.kind == tokEnd {
		net, err := p.network(f, it.lo)
		if err == nil {
			return []netip.Prefix{net}
		}
		if it.lo, it.hi = it.lo.cut('-'); it.hi.kind == tokEnd {
			panic(err)
		}
	}
	lo, hi := must(p.network(f, it.lo)), must(p.network(f, it.hi))
	switch {
	case !lo.IsSingleIP() || !hi.IsSingleIP():
		panic(newError(p.text, it.lo.pos, it.hi.end, "a range goes from one address to another"))
	case lo.Addr().BitLen() != hi.Addr().BitLen():
		panic(newError(p.text, it.lo.pos, it.hi.end, "the range begins in one family and ends in another"))
	case hi.Addr().Less(lo.Addr()):
		panic(p.backwards(it))
	}
	return between(lo.Addr(), hi.Addr())
}

func (p *parser) network(f Field, t token) (netip.Prefix, *Error) {
	n, ok := parseNetwork(t.text)
	switch {
	case t.kind == tokAtom && ok:
		return n, nil
	case t.text != "" && !strings.ContainsAny(t.text, ":/") && strings.Trim(t.text, "0123456789.") != "":
		return n, p.fail(t, "not an address; names are not looked up")
	}
	err := p.fail(t, "not an address or network")
	p.rewrite(err, t)
	return n, err
}
