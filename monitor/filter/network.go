package filter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"natlens/monitor"
)

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

// masked returns the network of an address and a mask such as 255.255.255.0.
func masked(addr, mask string) (string, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return "", fmt.Errorf("%s is not a single address", monitor.Escape(addr))
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || m.Zone() != "" || m.BitLen() != a.BitLen() {
		return "", errors.New("not a mask for this address, such as ffff:: or 255.255.255.0")
	}
	bits, size := net.IPMask(m.AsSlice()).Size()
	if size == 0 {
		return "", errors.New("not a network: the bits of the mask are not contiguous")
	}
	n, _ := a.Prefix(bits)
	return n.String(), nil
}

func words(a *monitor.Addr) (hi, lo uint64) {
	return binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
}
