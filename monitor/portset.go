package monitor

import "math/bits"

// PortSet is a set of ports. It allocates memory in pieces, because most pools use few ports.
// The zero value is empty.
type PortSet struct {
	pieces [16]*[64]uint64
	n      int
}

// Add adds a port to the set.
func (s *PortSet) Add(port uint16) {
	p := s.pieces[port>>12]
	if p == nil {
		p = new([64]uint64)
		s.pieces[port>>12] = p
	}
	if w, bit := &p[port>>6&63], uint64(1)<<(port&63); *w&bit == 0 {
		*w |= bit
		s.n++
	}
}

// Len returns the number of ports in the set.
func (s *PortSet) Len() int { return s.n }

// Span returns the lowest and the highest port of the set; 0 and 0 if it is empty.
func (s *PortSet) Span() (low, high uint16) {
	if s.n == 0 {
		return 0, 0
	}
	low = 65535
	for i, p := range s.pieces {
		if p == nil {
			continue
		}
		for w, word := range p {
			if word != 0 {
				base := uint16(i<<12 | w<<6)
				low = min(low, base|uint16(bits.TrailingZeros64(word)))
				high = base | uint16(63-bits.LeadingZeros64(word))
			}
		}
	}
	return low, high
}

// leastConcluded is how many ports must be in use before natlens derives the range of a rule
// from them.
const leastConcluded = 64

// Available estimates how many ports, ids or keys an address has, as [PoolSize] does. If few of
// them are in use, it returns the number without a range.
func (s *PortSet) Available(p Proto, flows, changed uint64) int {
	if s.n < leastConcluded {
		return NATPorts(p)
	}
	low, high := s.Span()
	return PoolSize(p, flows, changed, low, high)
}

// FirstNATPort is the lowest port that the kernel chooses for a flow whose own port is not
// privileged (nf_nat_l4proto_unique_tuple).
const FirstNATPort = 1024

// NATPorts returns how many ports, ids or keys of one address the kernel can choose for SNAT if
// the rule has no range. For ports these are the ports from [FirstNATPort] on.
func NATPorts(p Proto) int {
	if p.HasPorts() {
		return 65536 - FirstNATPort
	}
	return 65536
}

// PoolSize estimates how many ports, ids or keys an address has. flows is the number of flows,
// changed how many of them have another port than their own, and low and high the range of the
// ports in use. Without a range in the rule, the kernel keeps most ports, or spreads them over
// all. If most ports are changed and lie close together, the rule has a range. For few flows
// the estimate is not reliable.
func PoolSize(p Proto, flows, changed uint64, low, high uint16) int {
	if !p.HasPorts() || changed*2 < flows || high < low {
		return NATPorts(p)
	}
	return int(high) - int(low) + 1
}
