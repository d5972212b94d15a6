package history

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/translation"
	"natlens/monitor/translation/translationtest"
)

// TestWriteAndFind writes flows of every kind, and asks for them from all sides.
func TestWriteAndFind(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir, Namespace: "blue", Clock: newClock(at(0)).read})
	var f feed
	flows := []monitor.Flow{
		snat("10.0.0.5:40000", "203.0.113.7:32768", "198.51.100.9:443"),
		translationtest.Flow("198.51.100.20:5555", "203.0.113.1:8080", "198.51.100.20:5555", "10.0.0.9:80"),
		translationtest.Flow("10.0.0.6:1000", "203.0.113.1:8080", "10.0.0.1:2000", "10.0.0.9:80"),
		snat("[fd00::5]:40000", "[2001:db8::7]:32768", "[2001:db8:1::9]:443"),
		snat("10.0.0.7:1", "10.0.0.7:1", "10.0.1.7:2"), // not rewritten
	}
	for i, flow := range flows {
		f.Add(monitor.KindNew, at(i), uint64(i+1), flow).Flow.ID = uint32(i + 7)
	}
	for i, flow := range flows {
		e := f.Add(monitor.KindDestroy, at(60+i), uint64(i+1), flow)
		e.Flow.ID = uint32(i + 7)
		e.Flow.State = monitor.TCPTimeWait
		e.Flow.CountersOrig, e.Flow.CountersReply = monitor.Counters{Packets: 3, Bytes: 180}, monitor.Counters{Packets: 2, Bytes: 5000}
		e.Has |= monitor.AttrState | monitor.AttrCountersOrig | monitor.AttrCountersReply
	}
	write(t, w, &f)
	syncUp(t, w)
	for _, c := range []struct {
		q    translation.Query
		want [][2]string // inside and outside
	}{
		{translation.Query{Outside: end("203.0.113.7:32768")}, [][2]string{{"10.0.0.5:40000", "203.0.113.7:32768"}}},
		{translation.Query{Outside: end("203.0.113.7")}, [][2]string{{"10.0.0.5:40000", "203.0.113.7:32768"}}},
		{translation.Query{Outside: end("203.0.113.7:32769")}, nil},
		{translation.Query{Outside: end("203.0.113.1:8080")}, [][2]string{{"10.0.0.9:80", "203.0.113.1:8080"}, {"10.0.0.9:80", "203.0.113.1:8080"}}},
		{translation.Query{Outside: end("10.0.0.1:2000"), Proto: monitor.TCP}, [][2]string{{"10.0.0.6:1000", "10.0.0.1:2000"}}},
		{translation.Query{Outside: end("10.0.0.1:2000"), Proto: monitor.UDP}, nil},
		{translation.Query{Inside: end("10.0.0.9"), Peer: end("198.51.100.20")}, [][2]string{{"10.0.0.9:80", "203.0.113.1:8080"}}},
		{translation.Query{Inside: end("10.0.0.9"), Outside: end("203.0.113.7")}, nil},
		{translation.Query{Outside: end("[2001:db8::7]:32768")}, [][2]string{{"[fd00::5]:40000", "[2001:db8::7]:32768"}}},
		{translation.Query{Outside: end("203.0.113.7:32768"), Since: at(30), Until: at(30)}, [][2]string{{"10.0.0.5:40000", "203.0.113.7:32768"}}},
		{translation.Query{Outside: end("203.0.113.7:32768"), Since: at(61), Until: at(90)}, nil},
		{translation.Query{Outside: end("203.0.113.7:32768"), Until: at(-1)}, nil},
		{translation.Query{Peer: end("198.51.100.9")}, [][2]string{{"10.0.0.5:40000", "203.0.113.7:32768"}}},
		{translation.Query{Namespace: "red"}, nil},
	} {
		got, res := ask(t, dir, c.q)
		var is [][2]string
		for i := range got {
			is = append(is, [2]string{got[i].Inside(got[i].Side).String(), got[i].Outside(got[i].Side).String()})
		}
		if diff := cmp.Diff(c.want, is); diff != "" || len(res.Faults) > 0 {
			t.Errorf("%+v: %s, faults %v", c.q, diff, res.Faults)
		}
	}
	// The flow with both sides rewritten is one answer, with all of its ends.
	got, res := ask(t, dir, translation.Query{Inside: end("10.0.0.9"), Peer: end("10.0.0.6:1000")})
	want := translation.Answer{Side: translation.DestinationSide, Translation: translation.Translation{
		Start: at(2), End: at(62), From: translationtest.Endpoint("10.0.0.6:1000"), To: translationtest.Endpoint("203.0.113.1:8080"),
		SentAs: translationtest.Endpoint("10.0.0.1:2000"), DeliveredTo: translationtest.Endpoint("10.0.0.9:80"),
		Proto: monitor.TCP, Family: monitor.IPv4, NAT: translation.SNAT | translation.DNAT, Namespace: "blue",
		Original: monitor.Counters{Packets: 3, Bytes: 180}, Reply: monitor.Counters{Packets: 2, Bytes: 5000}, Counted: true,
		Reason: translation.Destroyed, Status: monitor.SrcNAT | monitor.DstNAT, State: monitor.TCPTimeWait, HasState: true,
		Number: 3, ID: 9, HasID: true,
	}}
	if diff := cmp.Diff([]translation.Answer{want}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(translation.Result{Answers: 1, Began: at(0), Ended: at(0), Live: true}, res); diff != "" {
		t.Error(diff)
	}
	if got, _ := ask(t, dir, translation.Query{}); len(got) != 4 {
		t.Errorf("%d answers to everything, want 4", len(got))
	}
	closeWriter(t, w)
	if _, res := ask(t, dir, translation.Query{Limit: 2}); res.Answers != 2 || !res.More || res.Live {
		t.Errorf("after the end: %+v", res)
	}
	for _, name := range []string{openName, lockName, newEntry(1, shortLives).name} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, st, err)
		}
	}
}

// TestLocal expects the process that was known last in the row of a flow, also after a restart. A history of another
// version is rejected.
func TestLocal(t *testing.T) {
	dir := t.TempDir()
	curl := &monitor.Local{Process: "<curl>", PID: 4711, UID: 0, User: "root", Container: "web", Pod: "shop/web-0", Match: monitor.MatchExact}
	locals := func() (all []*monitor.Local) {
		answers, _ := ask(t, dir, translation.Query{})
		for _, a := range answers {
			all = append(all, a.Local)
		}
		return all
	}
	var f feed
	w := open(t, Config{Dir: dir, Clock: newClock(at(0)).read})
	f.Add(monitor.KindNew, at(0), 1, client(1)).Local = curl
	f.Add(monitor.KindNew, at(0), 2, client(2)).Local = &monitor.Local{User: "root", Match: monitor.MatchListener}
	f.Add(monitor.KindUpdate, at(0), 2, client(2)).Local = curl
	f.Add(monitor.KindDestroy, at(0), 2, client(2))
	f.Add(monitor.KindNew, at(0), 3, client(3))
	write(t, w, &f)
	closeWriter(t, w)
	w = open(t, Config{Dir: dir, Clock: newClock(at(1)).read})
	f.Add(monitor.KindDestroy, at(2), 1, client(1))
	write(t, w, &f)
	syncUp(t, w)
	if diff := cmp.Diff([]*monitor.Local{curl, curl, nil}, locals()); diff != "" {
		t.Error(diff)
	}
	closeWriter(t, w)
	craft(t, filepath.Join(dir, openName), "PRAGMA user_version=2")
	_, err := NewWriter(Config{Dir: dir})
	golden.Words(t, "", strings.ReplaceAll(err.Error(), dir, "DIR"))
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

// TestOpenWhileWriting asks for flows that are open, close and open again.
func TestOpenWhileWriting(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir, Clock: newClock(at(0)).read})
	var f feed
	both := translationtest.Flow("10.0.0.6:1000", "203.0.113.7:8080", "10.0.0.1:2000", "10.0.0.9:80")
	f.Add(monitor.KindNew, at(0), 1, client(1))
	f.Add(monitor.KindNew, at(1), 2, both)
	write(t, w, &f)
	syncUp(t, w)
	q := translation.Query{Outside: end("203.0.113.7")}
	got, _ := ask(t, dir, q)
	if len(got) != 2 || got[0].End != 0 || !got[0].Live || got[1].Side != translation.DestinationSide {
		t.Errorf("%+v", got)
	}
	f.Add(monitor.KindDestroy, at(5), 2, both)
	f.Add(monitor.KindNew, at(6), 3, both)
	write(t, w, &f)
	syncUp(t, w)
	got, _ = ask(t, dir, q)
	if len(got) != 3 || got[0].End != at(5) || got[1].Start != at(0) || got[2].Start != at(6) {
		t.Errorf("%+v", got)
	}
	closeWriter(t, w)
	if got, _ := ask(t, dir, q); len(got) != 3 || got[2].Live {
		t.Errorf("%+v", got)
	}
}

// TestResumed has three flows open when capture ends: a dump shows one again, one
// is gone, and one's tuple is used again.
func TestResumed(t *testing.T) {
	dir := t.TempDir()
	c := newClock(at(0))
	w := open(t, Config{Dir: dir, Clock: c.read})
	var f feed
	for n := range 3 {
		f.Add(monitor.KindNew, at(0), uint64(n+1), client(n+1))
	}
	write(t, w, &f)
	c.set(at(10))
	closeWriter(t, w)

	c.set(at(60))
	w = open(t, Config{Dir: dir, Clock: c.read, Settle: 30 * time.Second})
	f.Add(monitor.KindExisting, at(61), 1, client(1))
	f.Add(monitor.KindExisting, at(61), 2, client(4))
	f.Add(monitor.KindNew, at(62), 3, client(3))
	write(t, w, &f)
	syncUp(t, w)
	c.set(at(95))
	f.Add(monitor.KindDestroy, at(94), 1, client(1))
	write(t, w, &f)
	syncUp(t, w)
	closeWriter(t, w)

	type row struct {
		Port       uint16
		Start, End monitor.Time
		Reason     translation.Reason
		Doubt      translation.Doubt
	}
	got, res := ask(t, dir, translation.Query{Outside: end("203.0.113.7")})
	var rows []row
	for _, a := range got {
		rows = append(rows, row{a.SentAs.Port, a.Start, a.End, a.Reason, a.Doubt})
	}
	const gone = translation.EndedInGap | translation.TouchedByRestart
	want := []row{
		{3, at(0), at(60), translation.CaptureEnded, gone},
		{1, at(0), at(94), translation.Destroyed, translation.TouchedByRestart},
		{2, at(0), at(60), translation.CaptureEnded, gone},
		{4, at(10), 0, translation.StillOpen, translation.BeganInGap | translation.TouchedByRestart},
		{3, at(62), 0, translation.StillOpen, 0},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]translation.Gap{{From: at(10), To: at(60), Count: 3, Cause: translation.Restarted}}, res.Gaps); diff != "" {
		t.Error(diff)
	}
}

// TestNamespaces has flows of two network namespaces open when capture ends. One
// of these is there again, under another number.
func TestNamespaces(t *testing.T) {
	dir := t.TempDir()
	c := newClock(at(0))
	names := new(monitor.Namespaces)
	blue, _ := names.Add(monitor.Namespace{Name: "blue"})
	red, _ := names.Add(monitor.Namespace{Name: "red"})
	w := open(t, Config{Dir: dir, Names: names, Clock: c.read})
	var f feed
	f.Add(monitor.KindNew, at(0), 1, in(blue, client(1)))
	f.Add(monitor.KindNew, at(0), 2, in(red, client(1)))
	write(t, w, &f)
	closeWriter(t, w)

	names = new(monitor.Namespaces)
	names.Add(monitor.Namespace{Name: "green"})
	red, _ = names.Add(monitor.Namespace{Name: "red"})
	w = open(t, Config{Dir: dir, Names: names, Clock: c.read, Settle: 10 * time.Second})
	f.Add(monitor.KindExisting, at(1), 1, in(red, client(1)))
	write(t, w, &f)
	syncUp(t, w)
	c.set(at(20))
	f.Add(monitor.KindUpdate, at(20), 1, in(red, client(1)))
	write(t, w, &f)
	syncUp(t, w)
	closeWriter(t, w)
	got, _ := ask(t, dir, translation.Query{})
	if len(got) != 2 || got[0].Namespace != "blue" || got[0].Reason != translation.CaptureEnded ||
		got[1].Namespace != "red" || got[1].Reason != translation.StillOpen {
		t.Errorf("%+v", got)
	}
	if got, _ := ask(t, dir, translation.Query{Namespace: "blue"}); len(got) != 1 {
		t.Errorf("blue has %d", len(got))
	}
	if _, res := ask(t, dir, translation.Query{Namespace: "green"}); !cmp.Equal(res.Namespaces, []string{"blue", "red"}) {
		t.Errorf("known are %q", res.Namespaces)
	}
}

// TestRenamed gives a network namespace a better name while a flow of it is open: its row, also one that is committed, has
// the new name.
func TestRenamed(t *testing.T) {
	dir := t.TempDir()
	names := new(monitor.Namespaces)
	weak, _ := names.Add(monitor.Namespace{Name: "pid:7"})
	other, _ := names.Add(monitor.Namespace{Name: "pid:8"})
	w := open(t, Config{Dir: dir, Names: names, Clock: newClock(at(0)).read})
	var f feed
	f.Add(monitor.KindNew, at(0), 1, in(weak, client(1)))
	f.Add(monitor.KindNew, at(0), 2, in(other, client(2)))
	write(t, w, &f)
	syncUp(t, w)
	f.Add(monitor.KindNew, at(1), 3, in(weak, client(3))) // pending when the name changes
	write(t, w, &f)
	names.Rename(weak, "blue")
	syncUp(t, w)
	for _, when := range []string{"while writing", "closed"} {
		got, _ := ask(t, dir, translation.Query{})
		is := map[uint16]string{}
		for _, a := range got {
			is[a.SentAs.Port] = a.Namespace
		}
		if diff := cmp.Diff(map[uint16]string{1: "blue", 2: "pid:8", 3: "blue"}, is); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		if got, _ := ask(t, dir, translation.Query{Namespace: "blue"}); len(got) != 2 {
			t.Errorf("%s: %d of blue", when, len(got))
		}
		if when == "while writing" {
			closeWriter(t, w)
		}
	}
}

// TestGapOfOneNamespace loses events of one of two network namespaces. The flows
// of the other stay certain, and a query about it reports no gap.
func TestGapOfOneNamespace(t *testing.T) {
	dir := t.TempDir()
	names := new(monitor.Namespaces)
	blue, _ := names.Add(monitor.Namespace{Name: "blue"})
	red, _ := names.Add(monitor.Namespace{Name: "red"})
	w := open(t, Config{Dir: dir, Names: names, Clock: newClock(at(0)).read})
	var f feed
	for n, ns := range []monitor.NetNS{blue, red, blue, red} {
		f.Add(monitor.KindNew, at(0), uint64(n+1), in(ns, client(n+1)))
	}
	write(t, w, &f)
	syncUp(t, w)
	f.Lost(at(4), at(5), 10).SetNetNS(blue)
	f.Add(monitor.KindNew, at(6), 5, in(blue, client(5)))
	for n, ns := range []monitor.NetNS{blue, red} {
		f.Add(monitor.KindDestroy, at(9), uint64(n+1), in(ns, client(n+1)))
	}
	write(t, w, &f)
	syncUp(t, w)
	doubts := map[uint16]translation.Doubt{1: translation.TouchedByGap, 2: 0, 3: translation.TouchedByGap, 4: 0, 5: 0}
	gap := translation.Gap{From: at(4), To: at(5), Count: 10, Cause: translation.Lost, Namespace: "blue"}
	for _, when := range []string{"while writing", "closed"} {
		got, res := ask(t, dir, translation.Query{})
		is := map[uint16]translation.Doubt{}
		for _, a := range got {
			is[a.SentAs.Port] = a.Doubt
		}
		if diff := cmp.Diff(doubts, is); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		if diff := cmp.Diff([]translation.Gap{gap}, res.Gaps); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		for name, gaps := range map[string]int{"blue": 1, "red": 0} {
			if _, res := ask(t, dir, translation.Query{Namespace: name}); len(res.Gaps) != gaps {
				t.Errorf("%s: %s has gaps %+v", when, name, res.Gaps)
			}
		}
		if when == "while writing" {
			closeWriter(t, w)
		}
	}
}
