package filter

import (
	"net/netip"
	"strings"
)

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
	p.ofKind(err, f, t)
	return n, err
}

// parseNetwork reads an address or a network. An IPv4 address mapped to IPv6 becomes IPv4.
func parseNetwork(s string) (n netip.Prefix, ok bool) {
	n, err := netip.ParsePrefix(s)
	if a, wrong := netip.ParseAddr(s); wrong == nil {
		n, err = netip.PrefixFrom(a.WithZone(""), a.BitLen()), nil
	}
	if err == nil && n.Addr().Is4In6() {
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n.Masked(), err == nil && n.IsValid()
}

// between returns the smallest list of networks that covers the addresses from lo to hi.
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
