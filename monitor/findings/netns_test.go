package findings

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// Flows with the same addresses in two network namespaces are two findings, each
// with its own counts, filter and command.
func TestNamespaces(t *testing.T) {
	names := map[monitor.NetNS]string{1: "blue", 2: "red"}
	counters := map[monitor.NetNS]map[string]uint64{1: {"insert_failed": 0}, 2: {"insert_failed": 0}}
	w := newWorld(t, func(c *Config) {
		c.Namespace = func(n monitor.NetNS) (string, string) { return names[n], "netns " + names[n] }
		c.Command = func(n monitor.NetNS, args ...string) string { return fmt.Sprint(names[n], " ", args) }
		c.TCPTimeouts = func(n monitor.NetNS) monitor.TCPTimeouts {
			return monitor.TCPTimeouts{Established: uint32(n) * 24 * 3600}
		}
		c.Counters = func() map[monitor.NetNS]map[string]uint64 {
			return maps.Clone(counters)
		}
	})
	in := func(n monitor.NetNS, flows []flow) []flow {
		for i := range flows {
			flows[i].netns = n
		}
		return flows
	}
	idle := func(i int) flow {
		return flow{proto: monitor.TCP, from: "192.168.0.2:" + itoa(2000+i), to: "203.0.113.7:22",
			state: monitor.TCPEstablished, status: monitor.SeenReply, timeout: 20 * 3600}
	}
	dns := func(i int) flow {
		return flow{proto: monitor.UDP, from: "192.168.0.2:" + itoa(2000+i), to: "192.0.2.53:53"}
	}
	w.pass(time.Second)
	w.see(monitor.KindNew, in(1, syns("192.168.0.2", "203.0.113.66:81", 21))...)
	w.see(monitor.KindNew, in(2, syns("192.168.0.2", "203.0.113.66:81", 30))...)
	w.see(monitor.KindNew, in(1, many(1000, idle))...) // of a day 20 hours are left
	w.see(monitor.KindNew, in(2, many(999, idle))...)  // of two
	w.see(monitor.KindNew, append(in(1, many(500, dns)), in(2, many(500, dns))...)...)
	counters[2] = map[string]uint64{"insert_failed": 100}
	w.pass(6 * time.Second)
	w.gone = nil

	got := map[string]monitor.Finding{}
	for _, f := range w.came {
		got[f.Rule+" "+f.Subject] = f
	}
	for _, want := range []struct {
		key, filter, command string
		netns                monitor.NetNS
	}{
		{"syn-unanswered 203.0.113.66:81 in blue",
			"netns blue tcp syn_sent unreplied dst 203.0.113.66 dport 81", "blue [list tcp syn_sent unreplied dst 203.0.113.66 dport 81]", 1},
		{"syn-unanswered 203.0.113.66:81 in red",
			"netns red tcp syn_sent unreplied dst 203.0.113.66 dport 81", "red [list tcp syn_sent unreplied dst 203.0.113.66 dport 81]", 2},
		{"idle table in blue",
			"netns blue tcp established timeout > 0s timeout <= 82800s", "blue [list tcp established timeout > 0s timeout <= 82800s]", 1},
		{"dns-race 192.0.2.53 in red",
			"netns red udp dport 53 dst 192.0.2.53", "red [list udp dport 53 dst 192.0.2.53]", 2},
	} {
		f, ok := got[want.key]
		golden.Words(t, want.key, f.Text)
		if !ok || f.Filter != want.filter || f.Command != want.command || f.NetNS != want.netns {
			t.Errorf("%s: %+v", want.key, f)
		}
		delete(got, want.key)
	}
	for key := range got {
		if key == "dns-race 192.0.2.53 in blue" || key == "idle table in red" {
			t.Errorf("%s is found", key)
		}
	}
}

// Finish ends at once for a run without an event, whose clock is at 0.
func TestFinishAtZero(t *testing.T) {
	w := newWorld(t, nil)
	if found := w.engine.Finish(0); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}
