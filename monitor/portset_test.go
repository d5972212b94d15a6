package monitor

import "testing"

func TestPortSet(t *testing.T) {
	var s PortSet
	for _, p := range []uint16{0, 1, 1, 63, 64, 4095, 4096, 65535, 65535, 0} {
		s.Add(p)
	}
	if s.Len() != 7 {
		t.Errorf("%d ports, want 7", s.Len())
	}
}

// TestPortSetSpan expects the lowest and the highest port.
func TestPortSetSpan(t *testing.T) {
	for _, ports := range [][]uint16{{0}, {0, 65535}, {4095, 4096}, {40000, 40001, 40099}, {63, 64}} {
		var s PortSet
		for i := range ports { // the highest first
			s.Add(ports[len(ports)-1-i])
		}
		if low, high := s.low, s.high; low != ports[0] || high != ports[len(ports)-1] {
			t.Errorf("%v: %d to %d", ports, low, high)
		}
	}
}
