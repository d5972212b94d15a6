//go:build linux

package annotate

import (
	"fmt"
	"net/netip"
	"testing"

	"natlens/monitor"
)

// BenchmarkForwarded measures Batch for forwarded events: of no container's address, and of one.
func BenchmarkForwarded(b *testing.B) {
	a := &Annotator{}
	a.addresses.boxes = map[uint64]*box{}
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 244, byte(i >> 8), byte(i)}) }
	for i := range 100 {
		a.addresses.boxes[uint64(i)] = &box{owner: &monitor.Local{Container: fmt.Sprint(i)}, addrs: []netip.Addr{addr(i)}}
	}
	a.addresses.publish()
	for name, first := range map[string]int{"none": 256, "all": 0} {
		var batch monitor.Batch
		for i := range monitor.BatchSize {
			e := batch.Add()
			e.Kind, e.Flow.Path = monitor.KindNew, monitor.PathForward
			e.Flow.Orig.Src, e.Flow.Reply.Src = monitor.AddrFrom(addr(first+i%100)), monitor.AddrFrom(addr(300+i))
		}
		b.Run(name, func(b *testing.B) {
			for range b.N {
				a.Batch(&batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch.Events)), "ns/event")
		})
	}
}
