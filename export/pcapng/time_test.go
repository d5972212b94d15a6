package pcapng

import (
	"math"
	"testing"

	"natlens/monitor"
)

func TestInterfaceTime(t *testing.T) {
	for _, c := range []struct {
		unit byte
		t    uint64
		want monitor.Time
	}{
		{9, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789},
		{6, 1_700_000_000_123_456, 1_700_000_000_123_456_000},
		{0, 1_700_000_000, 1_700_000_000_000_000_000},
		{12, 1_700_000_000_123_456, 1_700_000_000_123},
		{9, math.MaxUint64, 0}, {6, math.MaxUint64, 0}, {0, 9_000_000_001, 0},
		{0x80 | 10, 1, 0}, // binary parts of a second
	} {
		if got := (&iface{unit: c.unit}).time(c.t); got != c.want {
			t.Errorf("unit %d: %d is %d, want %d", c.unit, c.t, got, c.want)
		}
	}
}
