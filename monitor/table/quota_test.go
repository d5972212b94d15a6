package table

import (
	"testing"
	"testing/synctest"
	"time"

	"natlens/monitor"
)

// A namespace has no more flows in the table than it may have; others are not affected,
// flows that end make room, and a limit that is raised is seen.
func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := map[monitor.NetNS]int{1: 3, 2: 0}
		asked := 0
		table := New(Config{Max: func(n monitor.NetNS) int { asked++; return limit[n] }})
		apply := func(kind monitor.Kind, n monitor.NetNS, port uint16) {
			t.Helper()
			var b monitor.Batch
			e := b.Add()
			e.Kind, e.Time, e.Has = kind, monitor.Now(), monitor.AttrOrig
			e.Flow.Orig = monitor.Tuple{Family: monitor.IPv4, Proto: monitor.UDP, SrcPort: port}
			e.SetNetNS(n)
			table.Apply(&b)
			if e.Gen == 0 {
				t.Errorf("the event of port %d has no generation", port)
			}
			if _, _, kept := table.Lookup(e.Flow.Orig); kept == e.Unkept && kind != monitor.KindDestroy {
				t.Errorf("the flow of port %d: kept %v, unkept %v", port, kept, e.Unkept)
			}
		}
		expect := func(live, refused int) {
			t.Helper()
			if table.Len() != live || table.Refused() != uint64(refused) {
				t.Errorf("%d flows and %d refused, want %d and %d", table.Len(), table.Refused(), live, refused)
			}
		}
		for port := range uint16(100) {
			apply(monitor.KindNew, 1, port)
			apply(monitor.KindNew, 2, port)
		}
		expect(103, 97)
		if asked != 2 {
			t.Errorf("asked %d times, want once for each namespace", asked)
		}
		apply(monitor.KindDestroy, 1, 0)
		apply(monitor.KindUpdate, 1, 1) // known: no new flow
		apply(monitor.KindNew, 1, 200)
		apply(monitor.KindNew, 1, 201)
		expect(103, 98)
		limit[1] = 4
		time.Sleep(askAgain)
		apply(monitor.KindNew, 1, 202)
		apply(monitor.KindNew, 1, 203)
		expect(104, 99)
		table.Clear()
		for port := range uint16(5) {
			apply(monitor.KindNew, 1, port)
		}
		expect(4, 100)
	})
}
