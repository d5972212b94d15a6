//go:build linux

package probe

import (
	"slices"
	"testing"

	"natlens/monitor/ctnetlink"
)

// A meter sums the counters of the CPUs, over the end of 32 bits too.
func TestMeter(t *testing.T) {
	m := new(Meter)
	cpu := func(n uint16, failed uint32) ctnetlink.CPUStats {
		return ctnetlink.CPUStats{CPU: n, Counters: map[string]uint32{"insert_failed": failed}}
	}
	var got []uint64
	for _, cpus := range [][]ctnetlink.CPUStats{
		{cpu(0, 4294967290), cpu(1, 10)},
		{cpu(1, 11), cpu(0, 4)}, // in another order, and CPU 0 has begun again
		{cpu(0, 4), cpu(1, 11), cpu(2, 5)},
	} {
		m.add(cpus)
		got = append(got, m.total["insert_failed"])
	}
	if want := []uint64{4294967300, 4294967311, 4294967316}; !slices.Equal(got, want) {
		t.Errorf("got %d, want %d", got, want)
	}
}
