//go:build linux

package capture

import (
	"testing"

	"natlens/monitor"
)

// Stamps that go back a little are lifted to their predecessor; a clock that
// was set back is followed.
func TestClockOrder(t *testing.T) {
	const second = clockStep
	c := events{}
	for i, step := range []struct{ stamp, want monitor.Time }{
		{10 * second, 10 * second},
		{10*second - 1, 10 * second},
		{9*second + 1, 10 * second},
		{10*second + 5, 10*second + 5},
		{9*second + 5, 9*second + 5}, // a whole step back: the clock was set
		{9*second + 4, 9*second + 5},
		{20 * second, 20 * second},
	} {
		e := monitor.Event{Time: step.stamp}
		if c.order(&e); e.Time != step.want {
			t.Errorf("stamp %d: %d became %d, want %d", i, step.stamp, e.Time, step.want)
		}
	}
}
