package findings

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"natlens/monitor"
)

func itoa(n int) string { return strconv.Itoa(n) }

// many makes n flows.
func many(n int, one func(i int) flow) (flows []flow) {
	for i := range n {
		flows = append(flows, one(i))
	}
	return flows
}

// TestThresholds expects each rule to be quiet just below its limit, to report at
// it, to stay while half of it is left, and to be gone below that.
func TestThresholds(t *testing.T) {
	syn := func(i int) flow {
		return flow{proto: monitor.TCP, from: "10.0.0.1:" + itoa(1000+i), to: "203.0.113.9:80", state: monitor.TCPSynSent}
	}
	state := func(s monitor.State, status monitor.Status) func(i int) flow {
		return func(i int) flow {
			f := syn(i)
			f.state, f.status = s, status
			return f
		}
	}
	masked := func(i int) flow {
		return flow{proto: monitor.UDP, from: "10.0.0.1:" + itoa(40_000+i), to: "203.0.113.9:53", sentAs: "198.51.100.1:" + itoa(5000+i), status: monitor.SeenReply}
	}
	for _, c := range []struct {
		what           string
		flow           func(i int) flow
		below, at, cut int // one less than the limit, the limit, how many go so that less than half are left
		adjust         func(*Config)
	}{
		{"syn-unanswered 203.0.113.9:80", syn, 19, 20, 11, nil},
		{"syn-unanswered [2001:db8::9]:80", func(i int) flow {
			return flow{proto: monitor.TCP, from: "[2001:db8::1]:" + itoa(1000+i), to: "[2001:db8::9]:80", state: monitor.TCPSynSent}
		}, 19, 20, 11, nil},
		{"syn-unanswered-host 10.0.0.1", func(i int) flow {
			f := syn(i)
			f.to = fmt.Sprintf("203.0.113.%d:80", 1+i)
			return f
		}, 49, 50, 26, nil},
		{"half-open 203.0.113.9:80", state(monitor.TCPSynRecv, monitor.SeenReply), 9, 10, 6, nil},
		{"one-sided 203.0.113.9:80", state(monitor.TCPEstablished, 0), 9, 10, 6, nil},
		// 64 of the 79 ports from 5000 to 5078.
		{"snat-ports 198.51.100.1 udp → 203.0.113.9:53", func(i int) flow { return masked((i * 64) % 79) }, 63, 64, 33, nil},
		{"idle table", func(i int) flow {
			f := state(monitor.TCPEstablished, monitor.SeenReply)(i)
			f.timeout = 86_400 - 3600
			return f
		}, 999, 1000, 501, func(c *Config) { c.TCPTimeouts = fixedTimeouts(86_400) }},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newWorld(t, c.adjust)
			flows := many(c.at, c.flow)
			w.see(monitor.KindNew, flows[:c.below]...)
			w.pass(8 * time.Second)
			w.expect("just below", nil, nil)
			w.see(monitor.KindNew, flows[c.below:]...)
			w.pass(8 * time.Second)
			w.expect("at the limit", []string{c.what}, nil)
			f := w.engine.Snapshot()[0]
			if got := w.selected(f.Filter); got != uint64(c.at) || f.Flows != uint64(c.at) {
				t.Errorf("%s: %d flows, %d reported", f.Filter, got, f.Flows)
			}
			w.see(monitor.KindDestroy, flows[:c.cut-1]...)
			w.pass(5 * time.Second)
			w.expect("half is left", nil, nil)
			w.see(monitor.KindDestroy, flows[c.cut-1:c.cut]...)
			w.pass(5 * time.Second)
			w.expect("less than half", nil, []string{c.what})
		})
	}
}

// TestNoFinding are cases that are well.
func TestNoFinding(t *testing.T) {
	const public = "198.51.100.1"
	for name, flows := range map[string][]flow{
		"one-way UDP to a published port": append(
			many(5, func(i int) flow {
				return flow{proto: monitor.UDP, from: "10.0.0.1:" + itoa(1000+i), to: "203.0.113.9:514", delivered: "192.168.0.5:514"}
			}),
			many(5, func(i int) flow {
				return flow{proto: monitor.UDP, from: "10.0.0.2:" + itoa(1000+i), to: "203.0.113.9:514", delivered: "192.168.0.6:514"}
			})...),
		"one query without an answer, of a target that answers others": {
			{proto: monitor.UDP, from: "10.0.0.1:1", to: "203.0.113.9:53", delivered: "192.168.0.5:53"},
			{proto: monitor.UDP, from: "10.0.0.1:2", to: "203.0.113.9:53", delivered: "192.168.0.5:53", status: monitor.SeenReply},
			{proto: monitor.UDP, from: "10.0.0.1:3", to: "203.0.113.9:53", delivered: "192.168.0.6:53", status: monitor.SeenReply},
		},
		"all ports at random": many(300, func(i int) flow {
			return flow{proto: monitor.UDP, from: "10.0.0.1:" + itoa(1000+i), to: "203.0.113.9:53", sentAs: public + ":" + itoa(1024+(i*211)%64000), status: monitor.SeenReply}
		}),
		"a client's ports in a row, kept": many(300, func(i int) flow {
			return flow{proto: monitor.TCP, from: "10.0.0.1:" + itoa(40_000+i), to: "203.0.113.9:443", sentAs: public + ":" + itoa(40_000+i), state: monitor.TCPEstablished, status: monitor.SeenReply}
		}),
		"a dead server that two browsers try": append(syns("10.0.0.1", "203.0.113.9:80", 6), syns("10.0.0.2", "203.0.113.9:80", 6)...),
	} {
		w := newWorld(t, nil)
		w.see(monitor.KindNew, flows...)
		w.pass(25 * time.Second)
		w.expect(name, nil, nil)
	}
}

// TestMostActive checks that the most severe of very many findings of one rule are kept.
func TestMostActive(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 30 {
		w.see(monitor.KindNew, syns("10.0.0.1", fmt.Sprintf("203.0.113.%d:80", i), 20+i)...)
	}
	w.pass(6 * time.Second)
	n := 0
	for _, f := range w.engine.Snapshot() {
		if f.Rule == "syn-unanswered" {
			n++
			if f.Flows < 20+30-maxActive {
				t.Errorf("%s is active with %d flows", f.Subject, f.Flows)
			}
		}
	}
	if n != maxActive {
		t.Errorf("%d findings are active", n)
	}
}

// TestRates expects a rate to be reported within its window, once, and to be gone two
// windows after it ended; and no host to be reported for what all do.
func TestRates(t *testing.T) {
	queries := func(host string, n int) []flow {
		return many(n, func(i int) flow {
			return flow{proto: monitor.UDP, from: host + ":" + itoa(1+i), to: "203.0.113.9:443"}
		})
	}
	w := newWorld(t, nil)
	w.pass(100 * time.Millisecond)
	for i := range 5 {
		w.see(monitor.KindNew, queries("10.0.0."+itoa(1+i), 3000)...)
	}
	w.see(monitor.KindNew, queries("203.0.113.50", 60_000)...) // outside
	w.pass(10 * time.Second)
	w.expect("all alike", nil, nil)
	w.see(monitor.KindNew, queries("10.0.0.1", 2000)...)
	w.see(monitor.KindNew, queries("10.0.0.2", 150)...)
	w.pass(2 * time.Second)
	w.expect("one", []string{"many-flows 10.0.0.1"}, nil)
	w.pass(18 * time.Second)
	w.expect("one quiet window", nil, nil)
	w.pass(10 * time.Second)
	w.expect("two", nil, []string{"many-flows 10.0.0.1"})
}
