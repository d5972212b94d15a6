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
