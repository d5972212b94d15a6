package monitor

import "math/bits"

// PortSet is a set of ports, in pieces: most pools of translated ports use few.
// The zero value is empty.
type PortSet struct {
	pieces [16]*[64]uint64
	n      int
}

// Add puts a port into the set.
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

// Len returns how many ports there are in the set.
func (s *PortSet) Len() int { return s.n }

// Span returns the lowest and the highest port of the set, 0 and 0 of an empty one.
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

// leastConcluded is how many ports must be in use before their span indicates a
// range that a rule gives.
const leastConcluded = 64

// Available estimates how many ports, ids or keys exist if those of the set are in
// use, as [PoolSize] does; few used ports do not indicate a range.
func (s *PortSet) Available(p Proto, flows, changed uint64) int {
	if s.n < leastConcluded {
		return NATPorts(p)
	}
	low, high := s.Span()
	return PoolSize(p, flows, changed, low, high)
}

// FirstNATPort is the first port that the kernel chooses for a flow whose own
// port is not one of the privileged ones (nf_nat_l4proto_unique_tuple).
const FirstNATPort = 1024

// NATPorts returns how many ports, ids or keys of one address the kernel can
// choose from when it translates sources without a range of its own: ports those
// from [FirstNATPort] on.
func NATPorts(p Proto) int {
	if p.HasPorts() {
		return 65536 - FirstNATPort
	}
	return 65536
}

// PoolSize concludes how many ports, ids or keys an address has of which so many
// flows use those from low to high, changed of them others than their own. Where the
// kernel is free to choose it leaves most ports as they are, or spreads them over
// all; where most are changed and lie close together, a rule gives it a range. Of
// few flows this says little.
func PoolSize(p Proto, flows, changed uint64, low, high uint16) int {
	if !p.HasPorts() || changed*2 < flows || high < low {
		return NATPorts(p)
	}
	return int(high) - int(low) + 1
}
