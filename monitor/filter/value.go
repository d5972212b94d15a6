package filter

import (
	"math"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"natlens/monitor"
)

// Durations are counted in nanoseconds.
const second = uint64(1e9)

// noun says what a value of the kind is, for errors.
func (k kind) noun() string {
	switch k {
	case kindAddr:
		return "an address or network"
	case kindPort:
		return "a port"
	case kindProto:
		return "a protocol"
	case kindFamily:
		return "an address family"
	case kindEvent:
		return "a kind of event"
	case kindPath:
		return "a path"
	case kindState:
		return "a state"
	case kindStatus:
		return "a status bit"
	case kindNAT:
		return "a kind of NAT"
	case kindDuration:
		return "a time"
	case kindSize:
		return "an amount"
	case kindText:
		return "a text"
	case kindLabel:
		return "a label"
	case kindRole:
		return "a role"
	}
	return "a number"
}

// examples are values of the kind as they are written.
func (k kind) examples() []string {
	switch k {
	case kindAddr:
		return []string{"192.0.2.1", "10.0.0.0/8", "2001:db8::/32"}
	case kindPort:
		return []string{"443", "https", "1024..2047", "{80,443}"}
	case kindDuration:
		return []string{"30s", "5m", "1h30m"}
	case kindSize:
		return []string{"1000", "1k", "1M", "1Gi"}
	case kindHex:
		return []string{"0x10", "16"}
	case kindNumber:
		return []string{"1", "1..9"}
	case kindText:
		return []string{"ftp", `"any text"`}
	case kindLabel:
		return []string{"5", "{1,5}"}
	}
	return k.words()
}

// ranges reads one value or range of a numeric field. The name of a state may
// stand for several numbers.
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
	if f.info().kind.discrete() {
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
	if t.kind != tokAtom || i <= 0 || i == len(t.text)-1 || f.info().kind.discrete() {
		return lo, hi, false
	}
	if c := t.text[0]; c < '0' || c > '9' {
		return lo, hi, false
	}
	return token{tokAtom, t.text[:i], t.pos, t.pos + i}, token{tokAtom, t.text[i+1:], t.pos + i + 1, t.end}, true
}

// scalar reads one value of a numeric field.
func (p *parser) scalar(f Field, t token) (uint64, *Error) {
	info := f.info()
	switch info.kind {
	case kindPort:
		if v, ok := services[strings.ToLower(t.text)]; ok {
			return uint64(v), nil
		}
	case kindProto:
		if v, ok := protocols[fold(t.text)]; ok {
			return v, nil
		}
	case kindFamily, kindEvent, kindPath, kindRole:
		return p.word(f, t)
	case kindDuration:
		return p.quantity(f, t, durationUnits, second)
	case kindSize:
		return p.quantity(f, t, sizeUnits, 1)
	case kindLabel:
		if v, ok := p.env.Labels[t.text]; ok && v >= 0 && v <= 127 {
			return uint64(v), nil
		}
	}
	return p.number(f, t, info.max)
}

// word reads a value of a field that has names only.
func (p *parser) word(f Field, t token) (uint64, *Error) {
	k := f.info().kind
	if v, ok := namedValues[k][fold(t.text)]; ok {
		return v, nil
	}
	return 0, p.noValue(f, t)
}

// noValue reports a text that is no value of the field.
func (p *parser) noValue(f Field, t token) *Error {
	k := f.info().kind
	err := p.fail(t, "not "+k.noun())
	words := k.words()
	if k == kindLabel {
		for n := range p.env.Labels {
			words = append(words, n)
		}
	}
	err.Suggestion = nearest(t.text, words)
	err.Expected = k.examples()
	if err.Suggestion == "" && len(err.Expected) <= 8 {
		err.Msg += ", such as " + strings.Join(err.Expected, " ")
	}
	return err
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

type unit struct {
	name string
	size uint64
}

var (
	durationUnits = []unit{{"d", 86400 * second}, {"h", 3600 * second}, {"m", 60 * second}, {"s", second},
		{"ms", 1e6}, {"us", 1e3}, {"ns", 1}}
	sizeUnits = []unit{{"T", 1e12}, {"G", 1e9}, {"M", 1e6}, {"k", 1e3},
		{"Ti", 1 << 40}, {"Gi", 1 << 30}, {"Mi", 1 << 20}, {"Ki", 1 << 10}}
)

// quantity reads a sum of numbers with units: 1h30m, 1.5M. A number without
// counts plain.
func (p *parser) quantity(f Field, t token, units []unit, plain uint64) (uint64, *Error) {
	var sum uint64
	rest := t.text
	if rest == "" {
		return 0, p.noValue(f, t)
	}
	for rest != "" {
		n := 0
		for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.') {
			n++
		}
		m := n
		for m < len(rest) && (rest[m] >= 'a' && rest[m] <= 'z' || rest[m] >= 'A' && rest[m] <= 'Z') {
			m++
		}
		size, ok := plain, n > 0
		if m > n {
			size, ok = unitSize(rest[n:m], units)
		} else if m < len(rest) || rest != t.text {
			ok = false // a part without a unit, or strange characters
		}
		v, exact := times(rest[:n], size)
		if !ok || n == 0 || !exact {
			return 0, p.noValue(f, t)
		}
		var carry uint64
		if sum, carry = bits.Add64(sum, v, 0); carry != 0 || sum > f.info().max {
			return 0, p.fail(t, "too much: "+f.String()+" goes up to "+formatValue(f, f.info().max))
		}
		rest = rest[m:]
	}
	return sum, nil
}

func unitSize(name string, units []unit) (uint64, bool) {
	for _, u := range units {
		if strings.EqualFold(u.name, name) {
			return u.size, true
		}
	}
	return 0, false
}

// times multiplies a decimal number such as "1.5" exactly; it reports whether
// that gives a whole number, of 64 bits.
func times(decimal string, size uint64) (uint64, bool) {
	whole, frac, _ := strings.Cut(decimal, ".")
	if whole == "" || strings.Contains(frac, ".") || strings.HasSuffix(decimal, ".") || len(frac) > 15 {
		return 0, false
	}
	w, err := strconv.ParseUint(whole, 10, 64)
	hi, v := bits.Mul64(w, size)
	if err != nil || hi != 0 {
		return 0, false
	}
	if frac == "" {
		return v, true
	}
	n, _ := strconv.ParseUint(frac, 10, 64)
	scale := uint64(math.Pow10(len(frac)))
	hi, lo := bits.Mul64(n, size)
	if hi >= scale {
		return 0, false
	}
	part, rem := bits.Div64(hi, lo, scale)
	v, carry := bits.Add64(v, part, 0)
	return v, rem == 0 && carry == 0
}

// states reads the name of a state: it stands for that state of every protocol
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

func stateSet(name string) []Range {
	name = fold(name)
	if name == "listen" { // its number means SYN_SENT2 since Linux 2.6.31
		name = "syn_sent2"
	}
	var set []Range
	for _, proto := range monitor.Protos {
		if s, ok := monitor.StateByName(proto, name); ok {
			v := uint64(proto)<<8 | uint64(s)
			set = append(set, Range{v, v})
		}
	}
	return set
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

// networks reads an address, a network or a range of addresses.
func (p *parser) networks(it item) ([]netip.Prefix, *Error) {
	if it.hi.kind == tokEnd {
		net, err := p.network(it.lo)
		if err == nil {
			return []netip.Prefix{net}, nil
		}
		lo, hi, ok := strings.Cut(it.lo.text, "-")
		if !ok {
			return nil, err
		}
		cut := it.lo.pos + len(lo)
		it = item{token{tokAtom, lo, it.lo.pos, cut}, token{tokAtom, hi, cut + 1, it.lo.end}}
	}
	lo, err := p.network(it.lo)
	if err != nil {
		return nil, err
	}
	hi, err := p.network(it.hi)
	if err != nil {
		return nil, err
	}
	switch {
	case !lo.IsSingleIP() || !hi.IsSingleIP():
		return nil, newError(p.text, it.lo.pos, it.hi.end, "a range goes from one address to another")
	case lo.Addr().BitLen() != hi.Addr().BitLen():
		return nil, newError(p.text, it.lo.pos, it.hi.end, "the range begins in one family and ends in another")
	case hi.Addr().Less(lo.Addr()):
		e := newError(p.text, it.lo.pos, it.hi.end, "the range runs backwards")
		e.Suggestion = it.hi.text + ".." + it.lo.text
		return nil, e
	}
	return between(lo.Addr(), hi.Addr()), nil
}

func (p *parser) network(t token) (netip.Prefix, *Error) {
	bad := func() *Error {
		err := p.fail(t, "not an address or network")
		if t.text != "" && !strings.ContainsAny(t.text, ":/") && strings.Trim(t.text, "0123456789.") != "" {
			err.Msg = "not an address; names are not looked up"
		}
		err.Expected = kindAddr.examples()
		return err
	}
	if t.kind != tokAtom {
		return netip.Prefix{}, bad()
	}
	if !strings.Contains(t.text, "/") {
		a, err := netip.ParseAddr(t.text)
		if err != nil {
			return netip.Prefix{}, bad()
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	n, err := netip.ParsePrefix(t.text)
	if err != nil {
		return netip.Prefix{}, bad()
	}
	if n.Addr().Is4In6() {
		if n.Bits() < 96 {
			return netip.Prefix{}, bad()
		}
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n.Masked(), nil
}

// between returns the fewest networks that hold the addresses from lo to hi.
func between(lo, hi netip.Addr) []netip.Prefix {
	var out []netip.Prefix
	for {
		n := netip.PrefixFrom(lo, lo.BitLen())
		for n.Bits() > 0 {
			wider := netip.PrefixFrom(lo, n.Bits()-1).Masked()
			if wider.Addr() != lo || hi.Less(lastOf(wider)) {
				break
			}
			n = wider
		}
		out = append(out, n)
		last := lastOf(n)
		if last == hi {
			return out
		}
		lo = last.Next()
	}
}

// lastOf returns the highest address of a network.
func lastOf(n netip.Prefix) netip.Addr {
	b := n.Addr().AsSlice()
	for i := n.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
