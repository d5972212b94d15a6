//go:build linux

package live_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/filter"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/live"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// run runs what was opened until the test ends or stop is called, which closes it.
func run(t *testing.T, r *live.Run) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// passage is one flow as the hosts on both sides of the gateway saw it: its first packet where it left and where
// it came in, and the answer likewise.
type passage struct{ left, came, answered, returned *packet }

// passages joins the packets of all hosts by what NAT does not change. It leaves out flows without all four.
func passages(packets []packet) map[string]*passage {
	flows := map[string]*passage{}
	for i := range packets {
		p := &packets[i]
		name := fmt.Sprintf("%s %d", p.proto, p.key)
		if flows[name] == nil {
			flows[name] = new(passage)
		}
		f := flows[name]
		*map[[2]bool]**packet{
			{true, false}: &f.left, {false, false}: &f.came, {true, true}: &f.answered, {false, true}: &f.returned,
		}[[2]bool{p.sent, p.reply}] = p
	}
	maps.DeleteFunc(flows, func(_ string, f *passage) bool {
		return f.left == nil || f.came == nil || f.answered == nil || f.returned == nil
	})
	return flows
}

// seen is what packets show, or an event reports, of one flow.
type seen struct {
	Proto                         string
	From, To, SentAs, DeliveredTo netip.AddrPort
	NAT                           monitor.NATKind
}

func (p *passage) seen() seen {
	s := seen{p.left.proto, p.left.src, p.left.dst, p.came.src, p.came.dst, 0}
	if s.From != s.SentAs {
		s.NAT |= monitor.NATSource
	}
	if s.To != s.DeliveredTo {
		s.NAT |= monitor.NATDestination
	}
	return s
}

func reported(f *monitor.Flow) seen {
	at := func(e monitor.Endpoint) netip.AddrPort { return netip.AddrPortFrom(e.Addr.Netip(), e.Port) }
	return seen{f.Orig.Proto.String(), at(f.From()), at(f.To()), at(f.SentAs()), at(f.DeliveredTo()), f.NAT().Kind}
}

// flowSink keeps what events reported of the flows that its filter selects.
type flowSink struct {
	filter monitor.Filter
	mu     sync.Mutex
	flows  map[seen]int // and in how many events
}

func (s *flowSink) Write(b *monitor.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b.Events {
		if e := &b.Events[i]; e.Kind.HasFlow() && s.filter(e) {
			s.flows[reported(&e.Flow)]++
		}
	}
	return nil
}

func (s *flowSink) Close() error { return nil }

func (s *flowSink) get() map[seen]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.flows)
}

// What events report of NAT is what the packets on both sides of the gateway show.
func TestNATIsWhatThePacketsShow(t *testing.T) {
	l := labtest.New(t)
	taps := []tap{openTap(t, l.Client), openTap(t, l.Client2), openTap(t, l.Server)}
	r, err := live.Open(live.Config{Capture: capture.Config{NetNS: l.Gateway.FD()}})
	if err != nil {
		t.Fatal(err)
	}
	filters := []struct {
		text  string
		wants func(seen) bool
		flows int
		sink  *flowSink
	}{
		{"snat and reply.dport in 1024..65535", func(s seen) bool { return s.Proto != "icmp" && s.NAT == monitor.NATSource && s.SentAs.Port() >= 1024 }, 8, nil},
		{"snat and icmp", func(s seen) bool { return s.Proto == "icmp" && s.NAT == monitor.NATSource }, 2, nil},
		{"dnat", func(s seen) bool { return s.NAT == monitor.NATDestination }, 1, nil},
		{"true", func(seen) bool { return true }, 13, nil},
	}
	for i := range filters {
		expr, err := filter.Parse(filters[i].text)
		if err != nil {
			t.Fatal(err)
		}
		filters[i].sink = &flowSink{filter: filter.Compile(expr, filter.Env{}), flows: map[seen]int{}}
		r.Sink(filters[i].sink, nil)
	}
	stop := run(t, r)
	natTraffic(t, l)

	var packets []packet
	labtest.WaitFor(t, "packets of every flow", func() bool {
		for _, tap := range taps {
			p, err := tap.read()
			if err != nil {
				t.Fatal(err)
			}
			packets = append(packets, p...)
		}
		return len(passages(packets)) >= 13
	})
	stop() // after the events that are queued
	for _, f := range filters {
		want := map[seen]int{}
		for name, p := range passages(packets) {
			if p.returned.src != p.left.dst || p.returned.dst != p.left.src || p.answered.src != p.came.dst || p.answered.dst != p.came.src {
				t.Errorf("%s: %+v", name, p)
			}
			if s := p.seen(); f.wants(s) {
				want[s] = 1
			}
		}
		if len(want) != f.flows {
			t.Errorf("%s: the packets show %d flows, want %d: %v", f.text, len(want), f.flows, want)
		}
		someEvents := cmp.Comparer(func(a, b int) bool { return (a > 0) == (b > 0) })
		if diff := cmp.Diff(want, f.sink.get(), cmpopts.EquateComparable(netip.AddrPort{}), someEvents); diff != "" {
			t.Errorf("%s: the packets show (-), the events report (+):\n%s", f.text, diff)
		}
	}
}

// natTraffic makes ten TCP and UDP flows with rewritten sources, two of them from ports below 1024, two pings with
// one id, and one flow with a rewritten destination.
func natTraffic(t *testing.T, l *lab.Lab) {
	t.Helper()
	ctx := t.Context()
	port := func(n uint16) netip.AddrPort { return netip.AddrPortFrom(netip.Addr{}, n) }
	tcp := func(c lab.TCP) func() error { return func() error { _, err := l.TCPOnce(ctx, c); return err } }
	udp := func(c lab.UDP) func() error { return func() error { _, err := l.UDPOnce(ctx, c); return err } }
	for i, do := range []func() error{
		tcp(lab.TCP{To: lab.ServerHTTPS, Bytes: 100}),
		tcp(lab.TCP{To: lab.ServerHTTP, Bytes: 100}),
		tcp(lab.TCP{From: l.Client2, To: lab.ServerHTTPS, Bytes: 100}),
		// One port and one destination for both clients: the second is rewritten.
		tcp(lab.TCP{Local: port(4444), To: lab.ServerSSH, Bytes: 10}),
		tcp(lab.TCP{From: l.Client2, Local: port(4444), To: lab.ServerSSH, Bytes: 10}),
		tcp(lab.TCP{Local: port(700), To: lab.ServerHTTP}),
		udp(lab.UDP{To: lab.ServerDNS, Bytes: 31}),
		udp(lab.UDP{Local: port(5555), To: lab.ServerDNS, Bytes: 32}),
		udp(lab.UDP{From: l.Client2, Local: port(5555), To: lab.ServerDNS, Bytes: 33}),
		udp(lab.UDP{Local: port(900), To: lab.ServerDNS, Bytes: 34}),
		func() error { return l.PingOnce(ctx, lab.Ping{To: lab.ServerIP, ID: 77, Seq: 1}) },
		func() error { return l.PingOnce(ctx, lab.Ping{From: l.Client2, To: lab.ServerIP, ID: 77, Seq: 2}) },
		tcp(lab.TCP{From: l.Server, To: lab.PublishedHTTP, Bytes: 10}),
	} {
		if err := do(); err != nil {
			t.Fatalf("flow %d: %v", i, err)
		}
	}
}
