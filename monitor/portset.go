package monitor

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
