package table

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"natlens/monitor"
)

// BenchmarkMillion fills a table with a million flows and then updates and
// replaces them. It reports what is resident, and the longest time that one
// batch kept the loop. Resident memory is the whole process's, the million
// batches' own memory included, on Linux.
func BenchmarkMillion(b *testing.B) {
	const flows = 1_000_000
	for b.Loop() {
		table := New(Config{})
		var batch monitor.Batch
		var longest time.Duration
		apply := func(k monitor.Kind, from, to int) {
			batch.Reset()
			for i := from; i < to; i++ {
				e := batch.Add()
				e.Kind, e.Time, e.Has = k, monitor.Time(
					i,
				), monitor.AttrOrig|monitor.AttrReply|monitor.AttrStatus|monitor.AttrID|monitor.AttrTimeout
				e.Flow.Orig = monitor.Tuple{
					Src: monitor.AddrFrom4(
						[4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)},
					), Dst: monitor.AddrFrom4([4]byte{192, 0, 2, 1}),
					SrcPort: uint16(i), DstPort: 443, Proto: monitor.TCP, Family: monitor.IPv4,
				}
				e.Flow.Reply = reversed(e.Flow.Orig)
				e.Flow.ID = uint32(i)
			}
			began := time.Now()
			table.Apply(&batch)
			longest = max(longest, time.Since(began))
		}
		for _, k := range []monitor.Kind{monitor.KindNew, monitor.KindUpdate} {
			for i := 0; i < flows; i += monitor.BatchSize {
				apply(k, i, min(i+monitor.BatchSize, flows))
			}
		}
		if table.Len() != flows {
			b.Fatalf("%d flows", table.Len())
		}
		b.ReportMetric(resident(b), "MiB")
		b.ReportMetric(float64(longest.Microseconds())/1000, "ms/longest-batch")
		for i := 0; i < flows; i += monitor.BatchSize {
			apply(monitor.KindDestroy, i, min(i+monitor.BatchSize, flows))
		}
		runtime.KeepAlive(table)
	}
}

// resident returns the MiB that the process has in memory, 0 if that is
// unknown.
func resident(b *testing.B) float64 {
	b.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	if err != nil {
		b.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / (1 << 20)
}
