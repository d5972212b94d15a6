package replay_test

import (
	"context"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/replay"
	"natlens/monitor/table"
)

// TestDemo checks what a demo is for: at its first moment there are flows with
// NAT to be seen, and in its course every kind of protocol and rewrite.
func TestDemo(t *testing.T) {
	start, finish, err := replay.Demo(config).Span()
	if err != nil {
		t.Fatal(err)
	}
	if length := time.Duration(finish - start); length < 110*time.Second || length > 130*time.Second {
		t.Errorf("it takes %s, wanted two minutes", length)
	}
	src, err := replay.Demo(config).Open()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	first := table.New(table.Config{})
	if _, err := replay.Fill(context.Background(), src, first.Apply, start+monitor.Time(time.Second)); err != nil {
		t.Fatal(err)
	}
	nat := 0
	first.Scan(func(_ uint32, r *table.Row, _ *monitor.Extra) bool {
		if r.Flow.NAT().Kind != monitor.NATNone {
			nat++
		}
		return true
	})
	if first.Len() < 20 || nat < 10 {
		t.Errorf("after a second there are %d flows, %d of them with NAT", first.Len(), nat)
	}
	seen := demoSights(t)
	for _, want := range []string{"tcp", "udp", "icmp", "icmpv6", "sctp", "udplite", "gre", "253", "ipv6", "snat", "dnat",
		"port only", "redirect", "helper", "master", "counters", "new", "update", "destroy", "existing"} {
		if !seen[want] {
			t.Errorf("nothing with %s", want)
		}
	}
	if seen["lost"] {
		t.Error("something is missing")
	}
}

// demoSights are the words for what occurs in the demo.
func demoSights(t *testing.T) map[string]bool {
	src, err := replay.Demo(config).Open()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	seen := map[string]bool{}
	see := func(word string, yes bool) { seen[word] = seen[word] || yes }
	for b, err := range monitor.Batches(t.Context(), src) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Events {
			e := &b.Events[i]
			nat := e.Flow.NAT()
			see(e.Kind.String(), true)
			see(e.Flow.Orig.Proto.String(), true)
			see(e.Flow.Orig.Family.String(), true)
			see(nat.Kind.String(), true)
			see("port only", nat.PortOnly())
			see("redirect", nat.Redirect)
			see("helper", e.Known()&monitor.AttrHelper != 0)
			see("master", e.Known()&monitor.AttrMaster != 0)
			see("counters", e.Known()&monitor.AttrCountersReply != 0)
		}
	}
	if st := src.Stats(); st.Bad > 0 || st.Cut != nil {
		t.Errorf("%+v", st)
	}
	return seen
}
