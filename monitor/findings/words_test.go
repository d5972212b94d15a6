package findings

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// TestWords makes a finding of every rule and compares its words with
// testdata/findings.txt. Counts, addresses and filters are held by the other tests.
func TestWords(t *testing.T) {
	const public, target = "203.0.113.9:53", "192.168.0.5:53"
	client := func(proto monitor.Proto, state monitor.State, status monitor.Status) func(int) flow {
		return func(i int) flow {
			return flow{proto: proto, from: "10.0.0.1:" + itoa(1000+i), to: public, state: state, status: status}
		}
	}
	answered := func(proto monitor.Proto, state monitor.State) flow {
		return flow{proto: proto, from: "10.0.0.2:1000", to: public, delivered: target, state: state, status: monitor.SeenReply}
	}
	var packets uint64
	counters := map[string]uint64{"insert_failed": 0, "clash_resolve": 0}
	begin := func(flows ...flow) func(*world) {
		return func(w *world) {
			w.see(monitor.KindNew, flows...)
			w.pass(time.Second)
		}
	}
	steps := func(steps ...[]flow) func(*world) {
		return func(w *world) {
			for _, flows := range steps {
				begin(flows...)(w)
			}
			for range 25 { // packets go out, and none comes back
				packets += 5
				w.pass(time.Second)
			}
		}
	}
	old := answered(monitor.UDP, 0)
	old.from, old.delivered = "10.0.0.1:1000", "192.168.0.4:53"
	past := answered(monitor.UDP, 0)
	past.from, past.delivered = "10.0.0.1:1000", ""
	young := many(6, func(i int) flow { f := answered(monitor.UDP, 0); f.from = "10.0.0.2:" + itoa(2000+i); return f })
	youngTCP := many(6, func(i int) flow {
		f := answered(monitor.TCP, monitor.TCPEstablished)
		f.from = "10.0.0.2:" + itoa(2000+i)
		return f
	})
	never := old
	never.status = 0
	var words strings.Builder
	for _, c := range []struct {
		rule  string
		cause func(*world)
	}{
		{"syn-unanswered", begin(many(20, client(monitor.TCP, monitor.TCPSynSent, 0))...)},
		{"syn-unanswered-host", begin(many(50, func(i int) flow {
			f := client(monitor.TCP, monitor.TCPSynSent, 0)(i)
			f.to = fmt.Sprintf("203.0.113.%d:80", 1+i)
			return f
		})...)},
		{"half-open", begin(many(10, client(monitor.TCP, monitor.TCPSynRecv, monitor.SeenReply))...)},
		{"one-sided", begin(many(10, client(monitor.TCP, monitor.TCPEstablished, 0))...)},
		{"dnat-stale", begin(never, answered(monitor.UDP, 0))},
		{"dnat-stale", steps([]flow{old}, young)},
		{"dnat-missed", steps([]flow{client(monitor.UDP, 0, 0)(0)}, young)},
		{"dnat-missed", steps([]flow{past}, young)},
		{"dnat-missed", steps([]flow{client(monitor.TCP, monitor.TCPSynSent, 0)(0)}, youngTCP)},
		{"hairpin", begin(flow{proto: monitor.TCP, from: "192.168.77.2:1000", to: "198.51.100.2:443", delivered: "192.168.77.3:443", state: monitor.TCPSynSent})},
		{"snat-ports", begin(many(64, func(i int) flow { return mapped("10.77.0.2", i, 5000+i) })...)},
		{"snat-ports", begin(append(many(64, func(i int) flow { return mapped("10.77.0.2", i, 5000+i) }), mapped("10.77.0.3", 0, 9000))...)},
		{"snat-clash", begin(many(200, func(i int) flow {
			port := 30_000 + i
			if i%2 == 0 {
				port = 1024 + i*300
			}
			return mapped("10.77.0.2", i, port)
		})...)},
		{"snat-gone", steps([]flow{sent(monitor.UDP, "1", "198.51.100.77")}, []flow{sent(monitor.UDP, "2", "198.51.100.2")})},
		{"many-flows", begin(many(2000, client(monitor.UDP, 0, 0))...)},
		{"many-destinations", begin(many(500, func(i int) flow {
			f := client(monitor.UDP, 0, 0)(i)
			f.to = fmt.Sprintf("203.0.113.9:%d", 1000+i)
			return f
		})...)},
		{"dns-race", func(w *world) { counters["insert_failed"] += 5; begin(many(20, client(monitor.UDP, 0, 0))...)(w) }},
		{"dns-clash", func(w *world) { counters["clash_resolve"] += 200; begin(many(20, client(monitor.UDP, 0, 0))...)(w) }},
		{"idle", begin(many(1000, func(i int) flow {
			f := client(monitor.TCP, monitor.TCPEstablished, monitor.SeenReply)(i)
			f.timeout = 3600
			return f
		})...)},
	} {
		w := newWorld(t, func(cfg *Config) {
			cfg.Packets = func(f *monitor.Flow) (orig, reply uint64, ok bool) { return packets, 0, f.Orig.SrcPort < 2000 }
			cfg.Counters = func() map[monitor.NetNS]map[string]uint64 {
				return map[monitor.NetNS]map[string]uint64{0: maps.Clone(counters)}
			}
			cfg.TCPTimeouts = fixedTimeouts(432_000)
		})
		w.table.SetLocals(here)
		w.pass(time.Second)
		c.cause(w)
		w.pass(12 * time.Second)
		found := false
		for _, f := range w.came {
			if f.Rule == c.rule && !found {
				found = true
				fmt.Fprintf(&words, "%s %s: %s\n  why: %s\n  %s\n", f.Rule, f.Subject, f.Text, f.Why, f.Command)
			}
		}
		if !found {
			t.Errorf("%s is not found, but %+v", c.rule, w.came)
		}
	}
	golden.File(t, "findings.txt", words.String())
}
