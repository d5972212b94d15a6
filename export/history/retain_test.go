package history

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

// oneFlow is a flow that begins at a time and lives a second.
func oneFlow(f *feed, n int, at monitor.Time) {
	fl := client("1")
	fl.Orig.SrcPort, fl.Reply.DstPort = uint16(n+1), uint16(n+1)
	f.add(monitor.KindNew, at, uint64(n+1), fl)
	f.add(monitor.KindDestroy, at+second, uint64(n+1), fl)
}

func portsOf(answers []Answer) (ports []uint16) {
	for _, a := range answers {
		ports = append(ports, a.SentAs.Port)
	}
	return ports
}

// TestRetention writes a segment an hour, and keeps three hours.
func TestRetention(t *testing.T) {
	dir := t.TempDir()
	c := &atomicClock{}
	c.set(at0)
	w := open(t, Config{Dir: dir, Keep: 3 * time.Hour, now: c.now})
	for n := range 8 {
		var f feed
		oneFlow(&f, n, at0+monitor.Time(n)*3600*second)
		c.set(at0 + monitor.Time(n)*3600*second + 2*second)
		write(t, w, &f)
		syncUp(t, w)
	}
	closeWriter(t, w)
	got, res := ask(t, dir, Query{})
	if diff := cmp.Diff([]uint16{5, 6, 7, 8}, portsOf(got)); diff != "" {
		t.Error(diff)
	}
	if want := at0 + 3*3600*second + second; res.Began != want {
		t.Errorf("the history says it began at %v, want %v", res.Began.Time(), want.Time())
	}
}

// TestMaxSize keeps the newest segments within a size.
func TestMaxSize(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir, SegmentRows: 50, MaxSize: 400_000, Every: time.Millisecond})
	for n := range 1000 {
		var f feed
		oneFlow(&f, n, monitor.Now())
		write(t, w, &f)
		if n%50 == 49 {
			syncUp(t, w)
		}
	}
	closeWriter(t, w)
	got, res := ask(t, dir, Query{})
	ports := portsOf(got)
	if len(ports) == 0 || len(ports) > 700 || ports[len(ports)-1] != 1000 || len(res.Faults) > 0 {
		t.Errorf("%d flows are left, faults %v", len(ports), res.Faults)
	}
	for i, p := range ports {
		if p != ports[0]+uint16(i) {
			t.Fatalf("not the newest ones: %v", ports)
		}
	}
}

// TestLongLives asks for a moment long before the end of a flow that lived for
// hours: it stands in a segment of its own class, and of the others only those of
// that moment are opened.
func TestLongLives(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir, SegmentRows: 10})
	long := client("9999")
	var f feed
	f.add(monitor.KindNew, at0, 9999, long)
	for n := range 100 {
		oneFlow(&f, n, at0+monitor.Time(n)*60*second)
		if n%10 == 9 {
			write(t, w, &f)
			syncUp(t, w)
		}
	}
	f.add(monitor.KindDestroy, at0+6000*second, 9999, long)
	write(t, w, &f)
	closeWriter(t, w)
	at := at0 + 600*second + second/2
	got, _ := ask(t, dir, Query{From: at, To: at})
	if diff := cmp.Diff([]uint16{11, 9999}, portsOf(got)); diff != "" {
		t.Error(diff)
	}
	fd := &find{dir: dir, q: Query{From: at, To: at}}
	if err := fd.readCatalog(); err != nil {
		t.Fatal(err)
	}
	opened := 0
	for i := range fd.entries {
		if fd.candidate(&fd.entries[i]) {
			opened++
		}
	}
	if opened != 2 || len(fd.entries) < 10 {
		t.Errorf("%d of %d segments are opened, want 2", opened, len(fd.entries))
	}
}

// TestNamespaces has orphans of two namespaces, of which one is met again under
// another number.
func TestNamespaces(t *testing.T) {
	dir := t.TempDir()
	c := &atomicClock{}
	c.set(at0)
	names := new(monitor.Namespaces)
	blue, _ := names.Add(monitor.Namespace{Name: "blue"})
	red, _ := names.Add(monitor.Namespace{Name: "red"})
	w := open(t, Config{Dir: dir, Names: names, now: c.now})
	var f feed
	f.add(monitor.KindNew, at0, 1, inNetNS(blue, client("1")))
	f.add(monitor.KindNew, at0, 2, inNetNS(red, client("1")))
	write(t, w, &f)
	closeWriter(t, w)

	names = new(monitor.Namespaces)
	names.Add(monitor.Namespace{Name: "green"})
	names.Add(monitor.Namespace{Name: "yellow"})
	red, _ = names.Add(monitor.Namespace{Name: "red"})
	w = open(t, Config{Dir: dir, Names: names, now: c.now, Settle: 10 * time.Second})
	f.add(monitor.KindExisting, at0+second, 1, inNetNS(red, client("1")))
	write(t, w, &f)
	syncUp(t, w)
	c.set(at0 + 20*second)
	f.add(monitor.KindUpdate, at0+20*second, 1, inNetNS(red, client("1")))
	write(t, w, &f)
	syncUp(t, w)
	closeWriter(t, w)
	type row struct {
		NetNS  string
		Reason Reason
	}
	var rows []row
	got, _ := ask(t, dir, Query{})
	for _, a := range got {
		rows = append(rows, row{a.Namespace, a.Reason})
	}
	if diff := cmp.Diff([]row{{"blue", CaptureEnded}, {"red", StillOpen}}, rows); diff != "" {
		t.Error(diff)
	}
	if got, _ := ask(t, dir, Query{Namespace: "blue"}); len(got) != 1 {
		t.Errorf("blue has %d", len(got))
	}
}

// TestGapOfOneNamespace has events of one of two namespaces lost: the flows of the
// other stay certain, on disk and while they are open, and who asks for it hears of
// no gap.
func TestGapOfOneNamespace(t *testing.T) {
	dir := t.TempDir()
	names := new(monitor.Namespaces)
	blue, _ := names.Add(monitor.Namespace{Name: "blue"})
	red, _ := names.Add(monitor.Namespace{Name: "red"})
	w := open(t, Config{Dir: dir, Names: names, now: (&clock{at0}).now})
	var f feed
	for n, ns := range []monitor.NetNS{blue, red, blue, red} {
		f.add(monitor.KindNew, at0, uint64(n+1), inNetNS(ns, client(strconv.Itoa(n+1))))
	}
	f.lost(at0+5*second, at0+4*second, at0+5*second, 10).SetNetNS(blue)
	f.add(monitor.KindNew, at0+6*second, 5, inNetNS(blue, client("5")))
	for n, ns := range []monitor.NetNS{blue, red} {
		f.add(monitor.KindDestroy, at0+9*second, uint64(n+1), inNetNS(ns, client(strconv.Itoa(n+1))))
	}
	write(t, w, &f)
	syncUp(t, w)
	type row struct {
		Port  uint16
		NetNS string
		Doubt Doubt
	}
	want := []row{{1, "blue", TouchedByGap}, {2, "red", 0}, {3, "blue", TouchedByGap}, {4, "red", 0}, {5, "blue", 0}}
	gap := Gap{From: at0 + 4*second, To: at0 + 5*second, Count: 10, Cause: Lost, Namespace: "blue"}
	for _, when := range []string{"at work", "closed"} {
		got, res := ask(t, dir, Query{})
		var rows []row
		for _, a := range got {
			rows = append(rows, row{a.SentAs.Port, a.Namespace, a.Doubt})
		}
		slices.SortFunc(rows, func(a, b row) int { return int(a.Port) - int(b.Port) })
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		if diff := cmp.Diff([]Gap{gap}, res.Gaps, cmp.AllowUnexported(Gap{})); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		for name, gaps := range map[string]int{"blue": 1, "red": 0} {
			if _, res := ask(t, dir, Query{Namespace: name}); len(res.Gaps) != gaps {
				t.Errorf("%s: %s has gaps %+v", when, name, res.Gaps)
			}
		}
		if when == "at work" {
			closeWriter(t, w)
		}
	}
}
