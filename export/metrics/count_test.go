package metrics

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/loop"
)

// event makes an event of a flow that was born at second 100.
func event(kind monitor.Kind, p monitor.Proto, s monitor.State, status monitor.Status, at float64) monitor.Event {
	e := monitor.Event{
		Kind: kind,
		Time: monitor.Time(at * 1e9),
		Born: 100e9,
		Has:  monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus,
	}
	e.Flow.Orig = monitor.Tuple{
		Src:     monitor.AddrFrom4([4]byte{10, 0, 0, 5}),
		Dst:     monitor.AddrFrom4([4]byte{192, 0, 2, 1}),
		SrcPort: 40000,
		DstPort: 443,
		Proto:   p,
		Family:  monitor.IPv4,
	}
	e.Flow.Reply = monitor.Tuple{
		Src:     e.Flow.Orig.Dst,
		Dst:     e.Flow.Orig.Src,
		SrcPort: 443,
		DstPort: 40000,
		Proto:   p,
		Family:  monitor.IPv4,
	}
	e.Flow.Status, e.Flow.State = status, s
	if p.HasState() {
		e.Has |= monitor.AttrState
	}
	return e
}

// lines returns the series of a scrape whose names begin so, without zeros.
func lines(t *testing.T, m *Metrics, prefix string) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	var b strings.Builder
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, prefix) && !strings.HasSuffix(line, " 0\n") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestEvents(t *testing.T) {
	inferred := event(monitor.KindDestroy, monitor.TCP, monitor.TCPEstablished, 0, 101)
	inferred.Inferred = true
	changed := event(monitor.KindUpdate, monitor.TCP, monitor.TCPEstablished, 0, 120)
	changed.PortID = 77 // conntrack -U
	strange := event(monitor.KindNew, monitor.TCP, 99, 0, 100)
	unheard := event(monitor.KindDestroy, monitor.UDP, 0, monitor.SeenReply, 130)
	unheard.Born = 0
	m := New(Config{})
	if err := m.Write(&monitor.Batch{Events: []monitor.Event{
		event(monitor.KindNew, monitor.TCP, monitor.TCPSynSent, 0, 100),
		event(monitor.KindUpdate, monitor.TCP, monitor.TCPEstablished, 0, 100.002),
		event(monitor.KindDestroy, monitor.TCP, monitor.TCPTimeWait, 0, 220),
		event(monitor.KindNew, monitor.UDP, 0, 0, 100),
		event(monitor.KindUpdate, monitor.UDP, 0, monitor.SeenReply, 100.01),
		event(monitor.KindUpdate, monitor.UDP, 0, monitor.SeenReply|monitor.Assured, 103),
		event(monitor.KindNew, 253, 0, 0, 100), event(monitor.KindNew, 254, 0, 0, 100),
		event(monitor.KindExisting, monitor.TCP, monitor.TCPEstablished, 0, 100),
		{Kind: monitor.KindLost, Gap: &monitor.Gap{Count: 5}},
		inferred, changed, strange, unheard,
	}}); err != nil {
		t.Fatal(err)
	}
	want := `natlens_events_total{kind="destroy",protocol="tcp",state="time_wait"} 1
natlens_events_total{kind="destroy",protocol="udp",state="replied"} 1
natlens_events_total{kind="new",protocol="other",state="unreplied"} 2
natlens_events_total{kind="new",protocol="tcp",state="syn_sent"} 1
natlens_events_total{kind="new",protocol="tcp",state="unknown"} 1
natlens_events_total{kind="new",protocol="udp",state="unreplied"} 1
natlens_events_total{kind="update",protocol="tcp",state="established"} 2
natlens_events_total{kind="update",protocol="udp",state="assured"} 1
natlens_events_total{kind="update",protocol="udp",state="replied"} 1
`
	if diff := cmp.Diff(want, lines(t, m, "natlens_events_total")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got, want := lines(t, m, "natlens_inferred"), "natlens_inferred_events_total{kind=\"destroy\"} 1\n"; got != want {
		t.Errorf("inferred: %s", got)
	}
	for _, line := range []string{
		`natlens_handshake_seconds_bucket{protocol="tcp",le="0.0025"} 1`, `natlens_handshake_seconds_count{protocol="tcp"} 1`,
		`natlens_handshake_seconds_sum{protocol="tcp"} 0.002`,
	} {
		if got := lines(t, m, "natlens_handshake"); !strings.Contains(got, line+"\n") ||
			strings.Contains(got, `le="0.001"`) {
			t.Errorf("no %s in\n%s", line, got)
		}
	}
	if got := lines(t, m, "natlens_flow_lifetime_seconds_sum"); got != "natlens_flow_lifetime_seconds_sum{protocol=\"tcp\"} 120\n" {
		t.Errorf("lifetimes: %s", got)
	}
}

// TestBytes expects every byte of the run once, whatever reports it, and no byte of the time before it.
func TestBytes(t *testing.T) {
	m := New(Config{})
	if got := lines(t, m, "natlens_bytes_total"); got != "" {
		t.Errorf("before a flow with counters: %s", got)
	}
	send := func(kind monitor.Kind, gen, up, down uint64, snat bool) {
		e := event(kind, monitor.UDP, 0, 0, 100)
		e.Gen, e.Inferred = gen, kind == monitor.KindUpdate
		e.Has |= monitor.AttrCountersOrig | monitor.AttrCountersReply
		e.Flow.CountersOrig.Bytes, e.Flow.CountersReply.Bytes = up, down
		if snat {
			e.Flow.Reply.Dst[15]++
		}
		_ = m.Write(&monitor.Batch{Events: []monitor.Event{e}})
	}
	send(monitor.KindDestroy, 1, 10, 20, true) // 10 20
	send(monitor.KindExisting, 2, 1000, 1000, true)
	send(monitor.KindInterim, 2, 1100, 1000, true) // 100 0
	send(monitor.KindUpdate, 2, 1300, 1050, true)  // 200 50
	send(monitor.KindInterim, 2, 1300, 1050, true)
	send(monitor.KindDestroy, 2, 1301, 1051, true) // 1 1
	send(monitor.KindInterim, 3, 5, 6, false)      // 5 6
	send(monitor.KindInterim, 3, 2, 7, false)      // 2 1: the counter was reset
	send(monitor.KindDestroy, 3, 2, 7, false)
	if len(m.last.counted) != 0 {
		t.Errorf("%d flows remain", len(m.last.counted))
	}
	const want = `natlens_bytes_total{direction="original",nat="none"} 7
natlens_bytes_total{direction="original",nat="snat"} 311
natlens_bytes_total{direction="reply",nat="none"} 7
natlens_bytes_total{direction="reply",nat="snat"} 71
`
	if diff := cmp.Diff(want, lines(t, m, "natlens_bytes_total")); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
}

// TestLifetimeByTheKernel expects the kernel's own end of a flow, if the kernel sends
// one.
func TestLifetimeByTheKernel(t *testing.T) {
	e := event(monitor.KindDestroy, monitor.UDP, 0, 0, 150)
	e.Has |= monitor.AttrStart | monitor.AttrStop
	e.Flow.Start, e.Flow.Stop = 100e9, 131e9
	m := New(Config{})
	_ = m.Write(&monitor.Batch{Events: []monitor.Event{e}})
	if got := lines(t, m, "natlens_flow_lifetime_seconds_sum"); got != "natlens_flow_lifetime_seconds_sum{protocol=\"udp\"} 31\n" {
		t.Errorf("got %s", got)
	}
}

// TestBounded gives every protocol, state and status there can be, and expects
// that the series do not outgrow what the docs say.
func TestBounded(t *testing.T) {
	m := New(Config{})
	for p := range 256 {
		for s := range 256 {
			_ = m.Write(&monitor.Batch{Events: []monitor.Event{
				event(monitor.KindNew, monitor.Proto(p), monitor.State(s), monitor.Status(s)<<1, 100),
				event(monitor.KindDestroy, monitor.Proto(p), monitor.State(s), monitor.Status(s)<<1, 110),
			}})
		}
	}
	if got := strings.Count(lines(t, m, "natlens_events_total"), "\n"); got > 2*(3*11+6*4) {
		t.Errorf("%d series", got)
	}
}

// TestStateNamesFit holds the arrays to what the protocols have.
func TestStateNamesFit(t *testing.T) {
	if len(monitor.Protos)+1 != protoSlots {
		t.Errorf("%d protocols", len(monitor.Protos))
	}
	for _, p := range monitor.Protos {
		if n := len(monitor.StateNames(p)); n > stateUnknown {
			t.Errorf("%s has %d states", p, n)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	m := New(Config{})
	b := &monitor.Batch{}
	for i := range monitor.BatchSize {
		b.Events = append(
			b.Events,
			event(monitor.KindNew+monitor.Kind(i%3), monitor.TCP, monitor.TCPEstablished, 0, 101),
		)
	}
	if n := testing.AllocsPerRun(10, func() { _ = m.Write(b) }); n != 0 {
		t.Errorf("%g allocations a batch", n)
	}
}

// BenchmarkWrite is what metrics cost by the event.
func BenchmarkWrite(b *testing.B) {
	m := New(Config{})
	batch := &monitor.Batch{}
	for i := range monitor.BatchSize {
		batch.Events = append(
			batch.Events,
			event(monitor.KindNew+monitor.Kind(i%3), monitor.TCP, monitor.TCPEstablished, 0, 101+float64(i%100)),
		)
	}
	b.ReportAllocs()
	for range b.N {
		_ = m.Write(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*monitor.BatchSize), "ns/event")
}

// TestDocs holds docs/metrics.md to what is exported: every metric with its type
// and its labels, and nothing else.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, f := range families {
		labels := ""
		for i, l := range f.labels {
			if i > 0 {
				labels += ", "
			}
			labels += "`" + l + "`"
		}
		want = append(want, "| `"+f.name+"` | "+f.kind+" | "+labels+" |")
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `natlens_") {
			got = append(got, strings.Join(strings.SplitAfterN(line, "|", 5)[:4], ""))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/metrics.md (-exported +listed):\n%s", diff)
	}
}

// TestCapture compares each counter of the capture with its metric.
func TestCapture(t *testing.T) {
	m := New(Config{
		Stats: func() loop.Stats { return loop.Stats{Lost: 11, Gaps: 12, Resyncs: 13} },
		Capture: func() Capture {
			return Capture{Way: "ring", Capacity: 21, Wakeups: 22, Malformed: 23, Forged: 24, Unknown: 25}
		},
	})
	for prefix, want := range map[string]string{
		"natlens_events_lost": "natlens_events_lost_total 11\n", "natlens_event_gaps": "natlens_event_gaps_total 12\n",
		"natlens_resyncs": "natlens_resyncs_total 13\n",
		"natlens_capture": `natlens_capture_forged_total 24
natlens_capture_info{way="ring"} 1
natlens_capture_malformed_total 23
natlens_capture_queue_bytes 21
natlens_capture_unknown_attributes_total 25
natlens_capture_wakeups_total 22
`,
	} {
		if diff := cmp.Diff(want, lines(t, m, prefix)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", prefix, diff)
		}
	}
}
