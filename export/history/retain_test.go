package history

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/translation"
)

const hour = 3600 * second

// TestRetention writes a file an hour, and keeps three hours.
func TestRetention(t *testing.T) {
	dir := t.TempDir()
	c := newClock(at(0))
	w := open(t, Config{Dir: dir, Keep: 3 * time.Hour, Clock: c.read})
	for n := range 8 {
		var f feed
		oneLife(&f, n, at(0)+monitor.Time(n)*hour)
		c.set(at(2) + monitor.Time(n)*hour)
		write(t, w, &f)
		syncUp(t, w)
	}
	closeWriter(t, w)
	got, res := ask(t, dir, translation.Query{})
	if diff := cmp.Diff([]uint16{5, 6, 7, 8}, portsOf(got)); diff != "" {
		t.Error(diff)
	}
	if want := at(1) + 3*hour; res.Began != want {
		t.Errorf("the history begins at %v, want %v", res.Began.Time(), want.Time())
	}
}

// TestMaxSize keeps the newest files within a size.
func TestMaxSize(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir, RowsPerFile: 50, MaxSize: 600_000, Every: time.Millisecond})
	for n := range 1000 {
		var f feed
		oneLife(&f, n, monitor.Now())
		write(t, w, &f)
		if n%50 == 49 {
			syncUp(t, w)
		}
	}
	closeWriter(t, w)
	got, res := ask(t, dir, translation.Query{})
	ports := portsOf(got)
	if len(ports) == 0 || len(ports) > 900 || ports[len(ports)-1] != 1000 || len(res.Faults) > 0 {
		t.Errorf("%d flows are left, faults %v", len(ports), res.Faults)
	}
	for i, p := range ports {
		if p != ports[0]+uint16(i) {
			t.Fatalf("not the newest ones: %v", ports)
		}
	}
}

// keeping is a history of eight files, an hour each, that keeps 90 days.
type keeping struct {
	dir   string
	clock *clock
	cfg   Config
	w     *Writer
	mu    sync.Mutex
	notes []string
}

func newKeeping(t *testing.T) *keeping {
	k := &keeping{dir: t.TempDir(), clock: newClock(at(0))}
	k.cfg = Config{Dir: k.dir, Keep: 90 * 24 * time.Hour, Clock: k.clock.read, Note: func(text string) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.notes = append(k.notes, text)
	}}
	k.w = open(t, k.cfg)
	for n := range 8 {
		k.commit(t, n)
		k.clock.pass(time.Hour)
	}
	return k
}

// commit writes a flow of this moment.
func (k *keeping) commit(t *testing.T, n int) {
	t.Helper()
	var f feed
	wall, _ := k.clock.read()
	oneLife(&f, n, wall)
	write(t, k.w, &f)
	syncUp(t, k.w)
}

func (k *keeping) left(t *testing.T) int {
	t.Helper()
	got, _ := ask(t, k.dir, translation.Query{Outside: end("203.0.113.7"), Until: at(0) + 8*hour})
	return len(got)
}

const year = 365 * 24 * time.Hour

// TestWrongClockDeletesNothing sets the clock a year ahead: files that are old by
// it stay, and a note says so. A restart does not change that.
func TestWrongClockDeletesNothing(t *testing.T) {
	k := newKeeping(t)
	k.clock.jump(year)
	k.commit(t, 100)
	k.clock.pass(2 * time.Minute)
	k.commit(t, 101)
	closeWriter(t, k.w)
	k.w = open(t, k.cfg)
	k.clock.pass(2 * time.Minute)
	k.commit(t, 102)
	if n := k.left(t); n != 8 {
		t.Errorf("%d of 8 translations are left", n)
	}
	k.mu.Lock()
	if len(k.notes) != 2 {
		t.Fatalf("notes %q", k.notes)
	}
	golden.Words(t, "", strings.ReplaceAll(k.notes[0], k.dir, "DIR"))
	k.mu.Unlock()
	// The clock is set right, and time passes.
	k.clock.jump(-year)
	k.clock.pass(89 * 24 * time.Hour)
	k.commit(t, 103)
	if n := k.left(t); n != 8 {
		t.Errorf("after 89 days, %d of 8 translations are left", n)
	}
	k.clock.pass(2 * 24 * time.Hour)
	k.commit(t, 104)
	k.clock.pass(2 * time.Minute)
	k.commit(t, 105)
	if n := k.left(t); n != 0 {
		t.Errorf("after 91 days, %d of 8 translations are left", n)
	}
	closeWriter(t, k.w)
}

// TestClockWasAheadAtRestart sets the clock right between two runs. The time since
// it jumped is a gap: its translations have wrong times.
func TestClockWasAheadAtRestart(t *testing.T) {
	k := newKeeping(t)
	jumped, _ := k.clock.read()
	k.clock.jump(year)
	k.commit(t, 100)
	k.clock.pass(time.Hour)
	k.commit(t, 101)
	closeWriter(t, k.w)
	k.clock.jump(-year)
	k.clock.pass(time.Minute)
	now, _ := k.clock.read()
	closeWriter(t, open(t, k.cfg))
	_, res := ask(t, k.dir, translation.Query{Since: jumped, Until: now})
	if len(res.Gaps) != 1 || res.Gaps[0].From > jumped+second || res.Gaps[0].To != now || res.Gaps[0].Cause != translation.Restarted {
		t.Errorf("gaps %+v, want one from %v to %v", res.Gaps, jumped, now)
	}
}

// TestLaterTimeIsTrustedInTheEnd stops the writer for 100 days. What is too old
// goes when the later time has lasted for 100 days.
func TestLaterTimeIsTrustedInTheEnd(t *testing.T) {
	k := newKeeping(t)
	closeWriter(t, k.w)
	k.clock.jump(100 * 24 * time.Hour)
	k.w = open(t, k.cfg)
	for day := range 50 {
		k.clock.pass(24 * time.Hour)
		k.commit(t, 200+day)
	}
	if n := k.left(t); n != 8 {
		t.Errorf("after 50 days, %d of 8 translations are left", n)
	}
	closeWriter(t, k.w)
	k.w = open(t, k.cfg) // the wait goes on
	for day := range 51 {
		k.clock.pass(24 * time.Hour)
		k.commit(t, 300+day)
	}
	if n := k.left(t); n != 0 {
		t.Errorf("after 101 days, %d of 8 translations are left", n)
	}
	closeWriter(t, k.w)
}

// TestLongLives asks for a moment long before the end of a flow that lived for
// hours. It is in a file of its own class, and one other file is opened.
func TestLongLives(t *testing.T) {
	dir := t.TempDir()
	w := open(t, Config{Dir: dir, RowsPerFile: 10})
	var f feed
	f.Add(monitor.KindNew, at(0), 9999, client(9999))
	for n := range 100 {
		oneLife(&f, n, at(60*n))
		if n%10 == 9 {
			write(t, w, &f)
			syncUp(t, w)
		}
	}
	f.Add(monitor.KindDestroy, at(6000), 9999, client(9999))
	write(t, w, &f)
	closeWriter(t, w)
	moment := at(600) + second/2
	q := translation.Query{Since: moment, Until: moment}
	got, _ := ask(t, dir, q)
	if diff := cmp.Diff([]uint16{11, 9999}, portsOf(got)); diff != "" {
		t.Error(diff)
	}
	fd := &find{ctx: t.Context(), dir: dir, Collector: translation.Collector{Query: q}}
	if err := fd.readOpen(); err != nil {
		t.Fatal(err)
	}
	opened := 0
	for _, e := range fd.files {
		if q.Covers(e.start, e.end) {
			opened++
		}
	}
	if opened != 2 || len(fd.files) < 10 {
		t.Errorf("%d of %d files are opened, want 2", opened, len(fd.files))
	}
	// Ids rise over both classes: the long life ended last.
	all, _ := ask(t, dir, translation.Query{})
	if ports := portsOf(all); len(ports) != 101 || ports[100] != 9999 || ports[0] != 1 {
		t.Errorf("in the order of their ends: %v", ports)
	}
}

// TestClockSet sets the clock an hour ahead, and right again after ten seconds. The
// times that are wrong are two gaps, and what was open at a step is doubtful.
func TestClockSet(t *testing.T) {
	k := newKeeping(t)
	var f feed
	start, _ := k.clock.read()
	f.Add(monitor.KindNew, start, 9000, client(9000))
	write(t, k.w, &f)
	syncUp(t, k.w)
	k.clock.jump(time.Hour)
	ahead, _ := k.clock.read()
	k.commit(t, 100)
	k.clock.pass(10 * time.Second)
	wrong, _ := k.clock.read()
	k.commit(t, 101)
	k.clock.jump(-time.Hour)
	right, _ := k.clock.read()
	f.Add(monitor.KindDestroy, right, 9000, client(9000))
	write(t, k.w, &f)
	k.commit(t, 102)
	got, res := ask(t, k.dir, translation.Query{Since: start})
	want := []translation.Gap{
		{From: start, To: right, Cause: translation.ClockSet},
		{From: ahead, To: wrong, Cause: translation.ClockSet},
	}
	if diff := cmp.Diff(want, res.Gaps); diff != "" {
		t.Error(diff)
	}
	doubts := map[uint16]translation.Doubt{}
	for i := range got {
		doubts[got[i].From.Port] = got[i].Doubt
	}
	const gap = translation.TouchedByGap // 101 and 103 closed before the step was noticed
	if diff := cmp.Diff(map[uint16]translation.Doubt{101: gap, 102: 0, 103: gap, 9000: gap}, doubts); diff != "" {
		t.Error(diff)
	}
	if _, res := ask(t, k.dir, translation.Query{Since: right + second, Until: ahead - second}); len(res.Gaps) > 0 {
		t.Errorf("gaps %+v of the hour that the clock skipped and that passed later", res.Gaps)
	}
	closeWriter(t, k.w)
}

// TestClockStays sets the clock an hour ahead, where it stays, and back a day.
func TestClockStays(t *testing.T) {
	k := newKeeping(t)
	before, _ := k.clock.read()
	k.commit(t, 100)
	k.clock.jump(time.Hour)
	k.clock.pass(time.Second)
	after, _ := k.clock.read()
	k.commit(t, 101)
	_, res := ask(t, k.dir, translation.Query{Since: before, Until: after})
	if diff := cmp.Diff([]translation.Gap{{From: before, To: after, Cause: translation.ClockSet}}, res.Gaps); diff != "" {
		t.Error(diff)
	}
	k.clock.jump(-24 * time.Hour)
	back, _ := k.clock.read()
	k.commit(t, 102)
	closeWriter(t, k.w)
	_, res = ask(t, k.dir, translation.Query{Since: after + second})
	if len(res.Gaps) > 0 {
		t.Errorf("gaps %+v after the clock was set", res.Gaps)
	}
	_, res = ask(t, k.dir, translation.Query{Until: before - second})
	if diff := cmp.Diff([]translation.Gap{{From: back, To: after, Cause: translation.ClockSet}}, res.Gaps); diff != "" {
		t.Error(diff)
	}
}
