//go:build linux

package live_test

import (
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"

	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/live"
	"natlens/monitor/translation"
)

// held is the packets of flows through SNAT, and the history of a run that captured them.
type held struct {
	outside []packet                  // at the server
	host    map[uint32]netip.AddrPort // that sent each packet, by its key
	book    *history.Reader
	lost    uint64 // events
}

// holders makes UDP flows of both clients, each from a port that the other one uses too, to one server: SNAT gives
// every second one another port. The length of its packet, which NAT does not change, identifies a flow.
func holders(t *testing.T, flows int, cfg capture.Config) held {
	t.Helper()
	l := labtest.NewWith(t, lab.Config{Timestamp: true})
	hosts := []*lab.Namespace{l.Client, l.Client2}
	taps := []tap{openTap(t, l.Server), openTap(t, l.Client), openTap(t, l.Client2)}
	cfg.NetNS = l.Gateway.FD()
	r, err := live.Open(live.Config{Capture: cfg})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log, err := history.NewWriter(history.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	r.Tap(log)
	stop := run(t, r)
	for i := range flows {
		port := netip.AddrPortFrom(netip.Addr{}, uint16(20000+i/2))
		if _, err := l.UDPOnce(t.Context(), lab.UDP{From: hosts[i%2], Local: port, To: lab.ServerDNS, Bytes: 20 + i}); err != nil {
			t.Fatalf("flow %d: %v", i, err)
		}
	}
	stop()
	h := held{host: map[uint32]netip.AddrPort{}, lost: r.Stats().Lost}
	for i, tap := range taps {
		packets, err := tap.read()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			switch {
			case p.reply || p.proto != "udp":
			case i == 0 && !p.sent:
				h.outside = append(h.outside, p)
			case i > 0 && p.sent:
				h.host[p.key] = p.src
			}
		}
	}
	if h.book, err = history.Open(dir); err != nil {
		t.Fatal(err)
	}
	return h
}

// who asks which host held the sender's address of a packet at its time.
func (h *held) who(t *testing.T, p packet) (hosts []netip.AddrPort, certain []bool, v translation.Verdict) {
	t.Helper()
	at := monitor.Time(p.at.UnixNano())
	q := translation.Query{
		Outside: translation.End{Addr: monitor.AddrFrom(p.src.Addr()), Port: p.src.Port(), HasPort: true},
		Proto:   monitor.UDP, Since: at, Until: at,
	}
	res, err := h.book.Find(t.Context(), q, func(a *translation.Answer) error {
		row := translation.NewRow(a)
		hosts = append(hosts, netip.AddrPortFrom(netip.MustParseAddr(row.Inside.Addr), *row.Inside.Port))
		certain = append(certain, len(row.Doubt) == 0)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return hosts, certain, translation.Decide(q, res)
}

// Of each of a thousand packets the history names the host that sent it, for sure.
func TestHistoryNamesTheHost(t *testing.T) {
	const flows = 1000
	h := holders(t, flows, capture.Config{})
	rewritten := 0
	for _, p := range h.outside {
		want := h.host[p.key]
		if want.Port() != p.src.Port() {
			rewritten++
		}
		hosts, certain, v := h.who(t, p)
		if !slices.Equal(hosts, []netip.AddrPort{want}) || !certain[0] || v.Covered != translation.Whole {
			t.Errorf("%s at %s: %v, certain %v, %+v, want %s for sure", p.src, p.at, hosts, certain, v, want)
		}
	}
	if len(h.outside) != flows || rewritten < flows/2 {
		t.Errorf("%d packets of %d, %d of them from another port", len(h.outside), flows, rewritten)
	}
}

// With a capture that loses most events, no wrong host is named for sure, and a missing one is in a reported gap.
func TestHistoryKnowsItsGaps(t *testing.T) {
	h := holders(t, 300, capture.Config{Way: capture.Socket, Buffer: 2048})
	unsure, missing := 0, 0
	for _, p := range h.outside {
		want := h.host[p.key]
		hosts, certain, v := h.who(t, p)
		for i, host := range hosts {
			switch {
			case !certain[i]:
				unsure++
			case host != want:
				t.Errorf("%s: %s for sure, but it was %s", p.src, host, want)
			}
		}
		if !slices.Contains(hosts, want) {
			missing++
			if len(v.Result.Gaps) == 0 {
				t.Errorf("%s at %s: %v without a gap, want %s", p.src, p.at, hosts, want)
			}
		}
	}
	if unsure+missing == 0 || h.lost == 0 {
		t.Errorf("%d unsure, %d missing, %d lost", unsure, missing, h.lost)
	}
}

// signal is a sink that closes its channel at the first event.
type signal struct {
	once sync.Once
	any  chan struct{}
}

func (s *signal) Write(*monitor.Batch) error { s.once.Do(func() { close(s.any) }); return nil }
func (s *signal) Close() error               { return nil }

// The history has the process of a flow, also for the filter that says which flows it logs.
func TestHistoryNamesTheProcess(t *testing.T) {
	l := labtest.New(t)
	local := func(e *monitor.Event) bool {
		return e.Local != nil && e.Flow.Orig.DstPort == lab.RedirectedLoopback.Port()
	}
	r, err := live.Open(live.Config{Capture: capture.Config{NetNS: l.Gateway.FD()}, Process: true, Filter: local})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log, err := history.NewWriter(history.Config{Dir: dir, Wanted: local})
	if err != nil {
		t.Fatal(err)
	}
	first := &signal{any: make(chan struct{})}
	r.Sink(first, nil)
	r.Tap(log)
	stop := run(t, r)
	conn, err := l.Gateway.DialTCP(t.Context(), netip.MustParseAddrPort("127.0.0.1:20001"), lab.RedirectedLoopback)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-first.any
	stop()
	book, err := history.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var pids []uint32
	_, err = book.Find(t.Context(), translation.Query{}, func(a *translation.Answer) error {
		pids = append(pids, a.Local.PID)
		return nil
	})
	if err != nil || !slices.Equal(pids, []uint32{uint32(os.Getpid())}) {
		t.Errorf("processes %v, %v, want %d", pids, err, os.Getpid())
	}
}
