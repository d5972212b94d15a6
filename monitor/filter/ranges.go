package filter

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
)

// contains reports whether a number is in a normalized set.
func contains(set []Range, v uint64) bool {
	for _, r := range set { // short, because a user typed it
		if v <= r.Hi {
			return v >= r.Lo
		}
	}
	return false
}

func compileSet(set []Range) func(uint64) bool {
	if len(set) == 1 {
		lo, span := set[0].Lo, set[0].Hi-set[0].Lo
		return func(v uint64) bool { return v-lo <= span }
	}
	return func(v uint64) bool { return contains(set, v) }
}

// normalize sorts ranges and joins those that overlap. If adjacent is true, it also joins
// neighbours.
func normalize(set []Range, adjacent bool) []Range {
	set = slices.Clone(set)
	slices.SortFunc(set, func(a, b Range) int { return cmp.Compare(a.Lo, b.Lo) })
	out := set[:0]
	for _, r := range set {
		if n := len(out); n > 0 {
			last := &out[n-1]
			if r.Lo <= last.Hi || adjacent && r.Lo-1 == last.Hi {
				last.Hi = max(last.Hi, r.Hi)
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// complement returns the numbers from 0 to limit that are not in the set.
func complement(set []Range, limit uint64) (out []Range) {
	next := uint64(0)
	for _, r := range set {
		if r.Lo > limit {
			break
		}
		if r.Lo > next {
			out = append(out, Range{next, r.Lo - 1})
		}
		if r.Hi >= limit {
			return out
		}
		next = r.Hi + 1
	}
	return append(out, Range{next, limit})
}

const noMask = math.MaxUint64

// ranges returns the numbers from 0 to limit for which the comparison is true, without its
// mask.
func (c Cmp) ranges(limit uint64) []Range {
	v := c.Set[0].Lo
	switch c.Op {
	case Ne:
		return complement(c.Set, limit)
	case Lt:
		if v == 0 {
			return nil
		}
		return []Range{{0, v - 1}}
	case Le:
		return []Range{{0, v}}
	case Gt:
		if v >= limit {
			return nil
		}
		return []Range{{v + 1, limit}}
	case Ge:
		return []Range{{v, limit}}
	}
	return c.Set
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
