//go:build linux

package watch

import "testing"

// TestAlive expects a run to be alive while it waits for events or passes on batches, and not while it does neither.
func TestAlive(t *testing.T) {
	var batches uint64
	var waiting bool
	alive := aliveOf(func() (uint64, bool) { return batches, waiting })
	for i, step := range []struct {
		batches uint64
		waiting bool
		want    bool
	}{{0, true, true}, {1, false, true}, {1, false, false}, {1, true, true}, {2, false, true}, {2, false, false}} {
		batches, waiting = step.batches, step.waiting
		if got := alive(); got != step.want {
			t.Errorf("step %d: alive %v, want %v", i, got, step.want)
		}
	}
}
