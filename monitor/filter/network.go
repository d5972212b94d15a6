package filter

import (
	"net/netip"
	"strings"
)

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
		err.Expected = kindAddr.samples()
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
