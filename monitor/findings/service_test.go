package findings

import (
	"math/rand/v2"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// TestAbandoned spreads flows over the targets of a service, in any order of rows. One is
// abandoned only if the others get more young flows than they do by chance.
func TestAbandoned(t *testing.T) {
	for _, c := range []struct {
		name  string
		flows []uint8 // the targets of flows that begin one after the other
		want  bool    // target 0 is abandoned
	}{
		{"one target", []uint8{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false},
		{"in turn", []uint8{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, false},
		{"five to the other", []uint8{0, 1, 1, 1, 1, 1}, false},
		{"six to the other", []uint8{0, 1, 1, 1, 1, 1, 1}, true},
		{"six to two others", []uint8{0, 1, 2, 1, 2, 1, 2}, false},
		{"twelve to two others", []uint8{0, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2}, true},
		{"and back", []uint8{0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}, false},
	} {
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 20 {
			var s service
			for _, i := range rnd.Perm(len(c.flows)) {
				s.targets = make([]target, max(len(s.targets), int(c.flows[i])+2))
				s.young.add(monitor.Time(1000+i), int(c.flows[i]))
			}
			if s.abandoned(0) != c.want {
				t.Fatalf("%s: %v", c.name, s.young)
			}
		}
	}
}

// TestWatchReset resets the counters of a flow (conntrack -L -z): fewer packets than before
// are not many.
func TestWatchReset(t *testing.T) {
	flows := table.New(table.Config{})
	flow := monitor.Flow{ID: 1, Orig: monitor.Tuple{Proto: monitor.UDP, Family: monitor.IPv4, SrcPort: 1, DstPort: 53}, Status: monitor.SeenReply}
	flows.Apply(&monitor.Batch{Events: []monitor.Event{{Kind: monitor.KindNew, Time: 1, Has: monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID, Flow: flow}}})
	var r ref
	flows.Scan(func(i uint32, row *table.Row, _ *monitor.Extra) bool {
		r = ref{row: i, gen: row.Gen}
		return true
	})
	var orig, reply uint64
	e := New(Config{Table: flows, Thresholds: DefaultThresholds(), Packets: func(*monitor.Flow) (uint64, uint64, bool) { return orig, reply, true }})
	for i, step := range []struct {
		orig, reply uint64
		after       monitor.Time // seconds
		want        string
	}{
		{9, 0, 0, ""},        // seen for the first time
		{2, 0, 20, ""},       // reset
		{4, 0, 25, ""},       // two more
		{6, 0, 29, ""},       // too soon after the reset
		{6, 0, 31, "silent"}, // four without an answer in 11 s
		{1, 1, 40, "answered"},
	} {
		orig, reply = step.orig, step.reply
		e.now = 1 + step.after*1e9
		silent, answered := e.watch(r)
		if got := (map[[2]bool]string{{true, false}: "silent", {false, true}: "answered", {true, true}: "both"})[[2]bool{silent, answered}]; got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}

// TestMissed finds flows that bypass DNAT only if DNAT is newer than they are, and enough
// flows have it.
func TestMissed(t *testing.T) {
	const at, target = "203.0.113.9:2049", "192.168.0.5:2049"
	syn := flow{proto: monitor.TCP, from: "10.0.0.1:800", to: at, state: monitor.TCPSynSent}
	query := flow{proto: monitor.UDP, from: "10.0.0.1:800", to: at}
	tcp := func(i int) flow {
		return flow{proto: monitor.TCP, from: "10.0.0.2:" + itoa(1000+i), to: at, delivered: target, state: monitor.TCPEstablished, status: monitor.SeenReply}
	}
	udp := func(i int) flow {
		return flow{proto: monitor.UDP, from: "10.0.0.2:" + itoa(1000+i), to: at, delivered: target, status: monitor.SeenReply}
	}
	for _, c := range []struct {
		what  string
		flows [][]flow // begin one after the other
		kind  monitor.Kind
		want  []string
	}{
		{"a SYN, then six connections with DNAT", [][]flow{{syn}, many(6, tcp)}, monitor.KindNew, []string{"dnat-missed " + at + " tcp"}},
		{"the same, births not known", [][]flow{many(6, tcp), {syn}}, monitor.KindExisting, []string{"dnat-missed " + at + " tcp"}},
		{"a SYN, then two connections with DNAT", [][]flow{{syn}, many(2, tcp)}, monitor.KindNew, nil},
		{"DNAT for some clients only", [][]flow{many(6, tcp), {syn}}, monitor.KindNew, nil},
		{"a query, then one with DNAT", [][]flow{{query}, many(1, udp)}, monitor.KindNew, []string{"dnat-missed " + at}},
		{"queries of some clients only", [][]flow{many(3, udp), {query}}, monitor.KindNew, nil},
	} {
		w := newWorld(t, nil)
		for _, flows := range c.flows {
			w.see(c.kind, flows...)
			w.pass(time.Second)
		}
		w.pass(20 * time.Second)
		came := w.came
		w.expect(c.what, c.want, nil)
		for _, f := range came {
			if n := w.selected(f.Filter); n != 1 || f.Flows != 1 {
				t.Errorf("%s: %s selects %d flows of %d", c.what, f.Filter, n, f.Flows)
			}
		}
	}
}
