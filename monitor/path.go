package monitor

import (
	"net/netip"
	"slices"
)

// Path is the way of a flow's original direction through this host. It depends on the local
// addresses, so the tuples alone do not contain it.
type Path uint8

// The paths and the hooks on them.
const (
	PathUnknown Path = iota // the local addresses are not known
	PathForward             // PREROUTING, FORWARD, POSTROUTING
	PathOut                 // OUTPUT, POSTROUTING: sent from here
	PathIn                  // PREROUTING, INPUT: delivered here
	PathLoop                // OUTPUT, POSTROUTING, PREROUTING, INPUT: from here to here
)

var pathNames = []string{"unknown", "forward", "local-out", "local-in", "loopback"}

// String returns forward, local-out, local-in, loopback or unknown.
func (p Path) String() string { return name(p, pathNames, "unknown") }

// Locals are the addresses of the host (of one network namespace). A nil Locals has no
// addresses. It is immutable and may be shared.
type Locals struct {
	addrs    map[Addr]struct{}
	networks []netip.Prefix
	marks    [256]bool // filter before addrs: if the bit of Addr.mark is not set, the address is not in addrs
}

// NewLocals returns the set of the given addresses, 127.0.0.0/8 and ::1. networks are those to
// which the host is directly connected; a recording does not have them.
func NewLocals(addrs []netip.Addr, networks ...netip.Prefix) *Locals {
	l := &Locals{addrs: make(map[Addr]struct{}, len(addrs)+1), networks: networks}
	l.add(AddrFrom(netip.IPv6Loopback()))
	for _, a := range addrs {
		l.add(AddrFrom(a))
	}
	return l
}

func (l *Locals) add(a Addr) {
	l.addrs[a] = struct{}{}
	l.marks[a.mark()] = true
}

// mark returns a hash of 8 bits.
func (a *Addr) mark() uint8 { return a[12] ^ 5*a[13] ^ 17*a[14] ^ 101*a[15] }

// Addrs returns the addresses in ascending order, without those of 127.0.0.0/8.
func (l *Locals) Addrs() []netip.Addr {
	if l == nil {
		return nil
	}
	addrs := make([]netip.Addr, 0, len(l.addrs))
	for a := range l.addrs {
		addrs = append(addrs, a.Netip())
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs
}

// Has reports whether the address is one of this host. Multicast and broadcast
// addresses are not.
func (l *Locals) Has(a Addr) bool { return l != nil && l.has(&a) }

// Network returns a connected network that contains both addresses.
func (l *Locals) Network(a, b Addr) (n netip.Prefix, ok bool) {
	if l == nil {
		return n, false
	}
	for _, n := range l.networks {
		if n.Contains(a.Netip()) && n.Contains(b.Netip()) {
			return n, true
		}
	}
	return n, false
}

func (l *Locals) has(a *Addr) bool {
	if a[12] == 127 && Is4(a) {
		return true
	}
	if !l.marks[a.mark()] {
		return false
	}
	_, ok := l.addrs[*a]
	return ok
}

// Path derives the way of the flow from its sender and its destination after NAT. A flow to a
// local address that DNAT sends to another host is forwarded.
func (l *Locals) Path(f *Flow) Path {
	if l == nil {
		return PathUnknown
	}
	switch from, to := l.has(&f.Orig.Src), l.has(&f.Reply.Src); {
	case from && to:
		return PathLoop
	case from:
		return PathOut
	case to:
		return PathIn
	}
	return PathForward
}
