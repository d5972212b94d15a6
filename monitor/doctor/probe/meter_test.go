//go:build linux

package probe

import (
	"encoding/binary"
	"slices"
	"testing"

	"natlens/monitor/ctnetlink"
)

// A meter sums the counters of the CPUs, over the end of 32 bits too.
func TestMeter(t *testing.T) {
	m := new(Meter)
	cpu := func(n uint8, failed uint32) ctnetlink.CPUStats {
		msg := make([]byte, 16, 32) // nlmsghdr
		msg = append(msg, 0, 0, 0, n)
		msg = binary.NativeEndian.AppendUint16(msg, 8)
		msg = binary.NativeEndian.AppendUint16(msg, uint16(ctnetlink.InsertFailed))
		msg = binary.BigEndian.AppendUint32(msg, failed)
		binary.NativeEndian.PutUint32(msg, uint32(len(msg)))
		c, err := ctnetlink.DecodeCPUStats(msg)
		if err != nil {
			t.Fatal(err)
		}
		return c
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
