package findings

import (
	"math/rand/v2"
	"testing"

	"natlens/monitor"
)

// TestLeft deals flows to the targets of a service, in any order of rows, and
// expects one to be left only where it was passed over as chance does not do.
func TestLeft(t *testing.T) {
	for _, c := range []struct {
		name  string
		flows []uint8 // the targets of flows that begin one after the other
		left  bool    // target 0 is
	}{
		{"one target", []uint8{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false},
		{"in turn", []uint8{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, false},
		{"seven to the other", []uint8{0, 1, 1, 1, 1, 1, 1, 1}, false},
		{"eight to the other", []uint8{0, 1, 1, 1, 1, 1, 1, 1, 1}, true},
		{"eight to two others", []uint8{0, 1, 2, 1, 2, 1, 2, 1, 2}, false},
		{"sixteen to two others", []uint8{0, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2}, true},
		{"and back", []uint8{0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}, false},
	} {
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 20 {
			var s service
			for _, i := range rnd.Perm(len(c.flows)) {
				s.n = max(s.n, int(c.flows[i])+1)
				s.young.add(monitor.Time(1000+i), c.flows[i])
			}
			if s.left(0) != c.left {
				t.Fatalf("%s: %v", c.name, s.young)
			}
		}
	}
}
