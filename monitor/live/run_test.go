//go:build linux

package live

import (
	"testing"

	"natlens/monitor/loop"
)

// A run that shows the flows of the kernel's table reads that table again from time to
// time, because some of them end without an event. A raw run never reads it.
func TestResync(t *testing.T) {
	for _, c := range []struct {
		raw      bool
		existing loop.Existing
		want     loop.Resync
	}{
		{true, loop.ExistingNone, loop.Resync{}},
		{true, loop.ExistingFirst, loop.Resync{}},
		{false, loop.ExistingNone, loop.Resync{AfterLoss: true}},
		{false, loop.ExistingFirst, loop.Resync{AfterLoss: true, Every: SilentEvery}},
	} {
		if got := resync(&Config{Raw: c.raw, Existing: c.existing}); got != c.want {
			t.Errorf("raw %t, existing %d: %+v, want %+v", c.raw, c.existing, got, c.want)
		}
	}
}
