package monitor

// PortSet is a set of ports. It allocates memory in pieces, because most pools use few ports.
// The zero value is empty.
type PortSet struct {
	pieces    [16]*[64]uint64
	n         int
	low, high uint16 // the lowest and the highest port
}

// Add adds a port to the set.
func (s *PortSet) Add(port uint16) {
	p := s.pieces[port>>12]
	if p == nil {
		p = new([64]uint64)
		s.pieces[port>>12] = p
	}
	if w, bit := &p[port>>6&63], uint64(1)<<(port&63); *w&bit == 0 {
		if s.n == 0 {
			s.low = port
		}
		*w |= bit
		s.n, s.low, s.high = s.n+1, min(s.low, port), max(s.high, port)
	}
}

// Len returns the number of ports in the set.
func (s *PortSet) Len() int { return s.n }

// leastConcluded is how many ports must be in use before natlens derives the range of a rule
// from them.
const leastConcluded = 64

// Available estimates how many ports, ids or keys an address has, as [PoolSize] does. If few of
// them are in use, it returns the number without a range.
func (s *PortSet) Available(p Proto, flows, changed uint64) int {
	if s.n < leastConcluded {
		return NATPorts(p)
	}
	return PoolSize(p, flows, changed, s.low, s.high)
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
