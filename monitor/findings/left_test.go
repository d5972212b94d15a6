package findings

import (
	"math/rand/v2"
	"testing"

	"natlens/monitor"
	"natlens/monitor/table"
)

// TestLeft deals flows to the targets of a service, in any order of rows, and
// expects one to be left only where it was passed over as chance does not do.
func TestLeft(t *testing.T) {
	for _, c := range []struct {
		name  string
		flows []uint8 // the targets of flows that begin one after the other
		left  bool    // target 0 is
	}{
		{"one target", []uint8{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false},
		{"in turn", []uint8{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, false},
		{"seven to the other", []uint8{0, 1, 1, 1, 1, 1, 1, 1}, false},
		{"eight to the other", []uint8{0, 1, 1, 1, 1, 1, 1, 1, 1}, true},
		{"eight to two others", []uint8{0, 1, 2, 1, 2, 1, 2, 1, 2}, false},
		{"sixteen to two others", []uint8{0, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2}, true},
		{"and back", []uint8{0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}, false},
	} {
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 20 {
			var s service
			for _, i := range rnd.Perm(len(c.flows)) {
				s.n = max(s.n, int(c.flows[i])+1)
				s.young.add(monitor.Time(1000+i), c.flows[i])
			}
			if s.left(0) != c.left {
				t.Fatalf("%s: %v", c.name, s.young)
			}
		}
	}
}

// TestWatchZeroed expects no word of a flow whose counters somebody has set back
// (conntrack -L -z): fewer packets than before are not many.
func TestWatchZeroed(t *testing.T) {
	flows := table.New(table.Config{})
	flow := monitor.Flow{ID: 1, Orig: monitor.Tuple{Proto: monitor.UDP, Family: monitor.IPv4, SrcPort: 1, DstPort: 53}, Status: monitor.SeenReply}
	flows.Apply(&monitor.Batch{Events: []monitor.Event{{Kind: monitor.KindNew, Time: 1, Has: monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID, Flow: flow}}})
	var r ref
	flows.Scan(func(i uint32, row *table.Row, _ *monitor.Extra) bool {
		r = ref{row: i, gen: row.Gen}
		return true
	})
	var orig, reply uint64
	e := New(Config{Table: flows, Limits: DefaultLimits(), Packets: func(*monitor.Flow) (uint64, uint64, bool) { return orig, reply, true }})
	for i, step := range []struct {
		orig, reply uint64
		after       monitor.Time // seconds
		want        int
	}{
		{9, 0, 0, 0},   // seen for the first time
		{2, 0, 20, 0},  // set back
		{4, 0, 25, 0},  // two more
		{6, 0, 29, 0},  // too soon after it was set back
		{6, 0, 31, -1}, // four without an answer in 11 s
		{1, 1, 40, 1},
	} {
		orig, reply = step.orig, step.reply
		if got := e.watch(r, 1+step.after*1e9); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
}
