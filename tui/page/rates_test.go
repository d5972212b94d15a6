package page

import (
	"testing"

	"natlens/monitor"
)

// TestRates expects a rate of two readings, none of one that was overtaken, and after
// the clock was put back one of the readings since.
func TestRates(t *testing.T) {
	r := new(Rates)
	const second = monitor.Time(1e9)
	for _, c := range []struct {
		at, bytes uint64 // seconds
		rate      uint64
		known     bool
	}{
		{1000, 0, 0, false}, {1002, 600, 300, true}, {1001, 500, 300, true}, {500, 700, 0, false}, {501, 900, 200, true},
	} {
		r.Note(7, 1, c.bytes, monitor.Time(c.at)*second)
		if got, known := r.Of(7, 1, monitor.Time(c.at)*second); got != c.rate || known != c.known {
			t.Errorf("at %d: %d, known %v; want %d, %v", c.at, got, known, c.rate, c.known)
		}
	}
	if got, known := r.Of(7, 1, 400*second); known {
		t.Errorf("a rate of times to come is shown: %d", got)
	}
}
