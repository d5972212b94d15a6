package history

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

// clock is a clock that stands.
type clock struct{ t monitor.Time }

func (c *clock) now() monitor.Time { return c.t }

// atomicClock is a clock that stands until it is set.
type atomicClock struct{ t atomic.Int64 }

func (c *atomicClock) now() monitor.Time  { return monitor.Time(c.t.Load()) }
func (c *atomicClock) set(t monitor.Time) { c.t.Store(int64(t)) }

func open(t testing.TB, cfg Config) *Writer {
	t.Helper()
	if !Supported {
		t.Skip("no SQLite for this platform")
	}
	w, err := NewWriter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func closeWriter(t testing.TB, w *Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestWriteAndFind has one flow of every kind written, and found from all sides.
func TestWriteAndFind(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir, Namespace: "blue", now: (&clock{at0}).now})
	var f feed
	a := snat("10.0.0.5:40000", "203.0.113.7:32768", "198.51.100.9:443")
	b := flow("198.51.100.20:5555", "203.0.113.1:8080", "198.51.100.20:5555", "10.0.0.9:80")
	both := flow("10.0.0.6:1000", "203.0.113.1:8080", "10.0.0.1:2000", "10.0.0.9:80")
	six := snat("[fd00::5]:40000", "[2001:db8::7]:32768", "[2001:db8:1::9]:443")
	plain := flow("10.0.0.7:1", "10.0.1.7:2", "10.0.0.7:1", "10.0.1.7:2")
	for i, fl := range []monitor.Flow{a, b, both, six, plain} {
		f.add(monitor.KindNew, at0+monitor.Time(i)*second, uint64(i+1), fl)
	}
	for i, fl := range []monitor.Flow{a, b, both, six, plain} {
		e := f.add(monitor.KindDestroy, at0+monitor.Time(60+i)*second, uint64(i+1), fl)
		e.Flow.State, e.Flow.CountersOrig, e.Flow.CountersReply = monitor.TCPTimeWait, monitor.Counters{Packets: 3, Bytes: 180}, monitor.Counters{Packets: 2, Bytes: 5000}
		e.Has |= monitor.AttrState | monitor.AttrCountersOrig | monitor.AttrCountersReply
	}
	write(t, w, &f)
	syncUp(t, w)
	for _, c := range []struct {
		q       Query
		inside  []string
		outside []string
	}{
		{Query{Outside: end("203.0.113.7:32768")}, []string{"10.0.0.5:40000"}, []string{"203.0.113.7:32768"}},
		{Query{Outside: end("203.0.113.7")}, []string{"10.0.0.5:40000"}, []string{"203.0.113.7:32768"}},
		{Query{Outside: end("203.0.113.7:32769")}, nil, nil},
		{Query{Outside: end("203.0.113.1:8080")}, []string{"10.0.0.9:80", "10.0.0.9:80"}, []string{"203.0.113.1:8080", "203.0.113.1:8080"}},
		{Query{Outside: end("10.0.0.1:2000"), Proto: monitor.TCP}, []string{"10.0.0.6:1000"}, []string{"10.0.0.1:2000"}},
		{Query{Outside: end("10.0.0.1:2000"), Proto: monitor.UDP}, nil, nil},
		{Query{Inside: end("10.0.0.9")}, []string{"10.0.0.9:80", "10.0.0.9:80"}, []string{"203.0.113.1:8080", "203.0.113.1:8080"}},
		{Query{Inside: end("10.0.0.9"), Peer: end("198.51.100.20")}, []string{"10.0.0.9:80"}, []string{"203.0.113.1:8080"}},
		{Query{Outside: end("[2001:db8::7]:32768")}, []string{"[fd00::5]:40000"}, []string{"[2001:db8::7]:32768"}},
		{Query{Outside: end("203.0.113.7:32768"), From: at0 + 30*second, To: at0 + 30*second}, []string{"10.0.0.5:40000"}, []string{"203.0.113.7:32768"}},
		{Query{Outside: end("203.0.113.7:32768"), From: at0 + 61*second, To: at0 + 90*second}, nil, nil},
		{Query{Outside: end("203.0.113.7:32768"), To: at0 - second}, nil, nil},
		{Query{Outside: End{Port: 32768, HasPort: true}}, []string{"10.0.0.5:40000", "[fd00::5]:40000"}, []string{"203.0.113.7:32768", "[2001:db8::7]:32768"}},
	} {
		got, res := ask(t, dir, c.q)
		var inside, outside []string
		for i := range got {
			in, out := got[i].Inside(got[i].Side), got[i].Outside(got[i].Side)
			inside = append(inside, addrPort(in))
			outside = append(outside, addrPort(out))
		}
		if diff := cmp.Diff(c.inside, inside); diff != "" || len(res.Faults) > 0 {
			t.Errorf("%+v: inside %s, faults %v", c.q, diff, res.Faults)
		}
		if diff := cmp.Diff(c.outside, outside); diff != "" {
			t.Errorf("%+v: outside %s", c.q, diff)
		}
	}
	got, res := ask(t, dir, Query{Outside: end("203.0.113.7:32768")})
	want := Answer{Namespace: "blue", Translation: Translation{
		Start: at0, End: at0 + 60*second, From: endpoint("10.0.0.5:40000"), To: endpoint("198.51.100.9:443"),
		SentAs: endpoint("203.0.113.7:32768"), DeliveredTo: endpoint("198.51.100.9:443"), Proto: monitor.TCP, Family: monitor.IPv4, NAT: SNAT,
		Original: monitor.Counters{Packets: 3, Bytes: 180}, Reply: monitor.Counters{Packets: 2, Bytes: 5000}, Counted: true,
		Reason: Destroyed, Status: monitor.SrcNAT, State: monitor.TCPTimeWait, HasState: true,
	}}
	if diff := cmp.Diff([]Answer{want}, got, cmp.AllowUnexported(Translation{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Result{Answers: 1, Began: at0, Ended: at0, Live: true}, res); diff != "" {
		t.Error(diff)
	}
	closeWriter(t, w)
	if _, res := ask(t, dir, Query{Limit: 2}); res.Answers != 2 || res.Live {
		t.Errorf("after the end: %+v", res)
	}
	for _, name := range []string{catalogName, journalName, lockName, filepath.Base(segmentPath("", 1))} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, st, err)
		}
	}
}

func addrPort(e monitor.Endpoint) string {
	text := e.Addr.String()
	if !e.Addr.Is4() {
		text = "[" + text + "]"
	}
	return text + ":" + strconv.Itoa(int(e.Port))
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir})
	if _, err := NewWriter(Config{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Fatalf("a second writer: %v", err)
	}
	closeWriter(t, w)
	closeWriter(t, open(t, Config{Dir: dir}))
}

// TestCarriedOn has three flows open when capture ends: one shows again by a dump,
// one is gone, and one's tuple is made again.
func TestCarriedOn(t *testing.T) {
	dir := t.TempDir()
	c := &atomicClock{}
	c.set(at0)
	w := open(t, Config{Dir: dir, now: c.now})
	var f feed
	stays := snat("10.0.0.1:1", "203.0.113.7:1", "198.51.100.9:443")
	gone := snat("10.0.0.2:2", "203.0.113.7:2", "198.51.100.9:443")
	again := snat("10.0.0.3:3", "203.0.113.7:3", "198.51.100.9:443")
	for i, fl := range []monitor.Flow{stays, gone, again} {
		f.add(monitor.KindNew, at0, uint64(i+1), fl)
	}
	write(t, w, &f)
	c.set(at0 + 10*second)
	closeWriter(t, w)

	c.set(at0 + 60*second)
	w = open(t, Config{Dir: dir, now: c.now, Settle: 30 * time.Second})
	found := snat("10.0.0.4:4", "203.0.113.7:4", "198.51.100.9:443")
	f.add(monitor.KindExisting, at0+61*second, 1, stays)
	f.add(monitor.KindExisting, at0+61*second, 2, found)
	f.add(monitor.KindNew, at0+62*second, 3, again)
	write(t, w, &f)
	syncUp(t, w)
	c.set(at0 + 95*second)
	f.add(monitor.KindDestroy, at0+94*second, 1, stays)
	write(t, w, &f)
	syncUp(t, w)
	closeWriter(t, w)

	type row struct {
		Port       uint16
		Start, End monitor.Time
		Reason     Reason
		Doubt      Doubt
	}
	got, res := ask(t, dir, Query{Outside: end("203.0.113.7")})
	var rows []row
	for _, a := range got {
		rows = append(rows, row{a.SentAs.Port, (a.Start - at0) / second, (a.End - at0) / second, a.Reason, a.Doubt})
	}
	want := []row{
		{3, 0, 60, CaptureEnded, EndedInGap | TouchedByRestart},
		{1, 0, 94, Destroyed, TouchedByRestart},
		{2, 0, 60, CaptureEnded, EndedInGap | TouchedByRestart},
		{3, 62, -at0 / second, StillOpen, 0},
		{4, 10, -at0 / second, StillOpen, BeganInGap | TouchedByRestart},
	}
	if diff := cmp.Diff(want[:3], rows[:min(3, len(rows))]); diff != "" {
		t.Error(diff)
	}
	if len(rows) != 5 || rows[3] != want[4] || rows[4] != want[3] {
		t.Errorf("open: %v", rows)
	}
	if diff := cmp.Diff([]Gap{{From: at0 + 10*second, To: at0 + 60*second, Count: 3, Cause: Restarted}}, res.Gaps, cmp.AllowUnexported(Gap{})); diff != "" {
		t.Error(diff)
	}
}
