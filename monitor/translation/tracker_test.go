package translation

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/translation/translationtest"
)

type feed = translationtest.Feed

// resynced adds the end of a comparison with the kernel's table that began at from.
func resynced(f *feed, from, to monitor.Time) {
	e := f.Batch.Add()
	e.Kind, e.Time, e.Gap = monitor.KindResynced, to, &monitor.Gap{From: from, To: to}
}

var at, client, in = translationtest.At, translationtest.Client, translationtest.In

// life is what tests compare of a translation.
type life struct {
	Port       uint16 // of SentAs
	Start, End int    // seconds since the beginning
	Reason     Reason
	Doubt      Doubt
}

func lives(all []Translation) (out []life) {
	for _, t := range all {
		l := life{Port: t.SentAs.Port, Start: int((t.Start - at(0)) / translationtest.Second), Reason: t.Reason, Doubt: t.Doubt}
		if t.End != 0 {
			l.End = int((t.End - at(0)) / translationtest.Second)
		}
		out = append(out, l)
	}
	return out
}

// names calls network namespaces by their numbers.
func names(n monitor.NetNS) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(int(n))
}

// TestTracker goes through the ways in which a translation begins and ends.
func TestTracker(t *testing.T) {
	for _, c := range []struct {
		name string
		feed func(f *feed)
		want []life
		open int
	}{
		{"seen from beginning to end", func(f *feed) {
			f.Add(monitor.KindNew, at(0), 1, client(1))
			f.Add(monitor.KindUpdate, at(1), 1, client(1))
			f.Add(monitor.KindDestroy, at(9), 1, client(1))
		}, []life{{1, 0, 9, Destroyed, 0}}, 0},
		{"not rewritten", func(f *feed) {
			f.Add(monitor.KindNew, at(0), 1, translationtest.SNAT("10.0.0.1:1", "10.0.0.1:1", "10.0.0.2:2"))
		}, nil, 0},
		{"deleted by a process", func(f *feed) {
			f.Life(at(0), at(9), 1, client(1))
			f.Batch.Events[1].PortID = 77
		}, []life{{1, 0, 9, Deleted, 0}}, 0},
		{"began before the capture", func(f *feed) {
			f.Add(monitor.KindExisting, at(3), 1, client(1))
			f.Add(monitor.KindDestroy, at(9), 1, client(1))
		}, []life{{1, 3, 9, Destroyed, BeganBefore}}, 0},
		{"began before the capture, with a time of the kernel", func(f *feed) {
			flow := client(1)
			flow.Start = at(-100)
			f.Add(monitor.KindExisting, at(3), 1, flow).Has |= monitor.AttrStart
			f.Add(monitor.KindDestroy, at(9), 1, client(1))
		}, []life{{1, -100, 9, Destroyed, 0}}, 0},
		{"known from its end only", func(f *feed) {
			f.Add(monitor.KindNew, at(0), 1, client(1))
			f.Add(monitor.KindDestroy, at(9), 2, client(2))
		}, []life{{2, 0, 9, Destroyed, BeganBefore}}, 1},
		{"its DESTROY was missed", func(f *feed) {
			f.Add(monitor.KindNew, at(0), 1, client(1))
			f.Life(at(5), at(9), 2, client(1))
		}, []life{{1, 0, 5, Replaced, EndedInGap}, {1, 5, 9, Destroyed, 0}}, 0},
		{"its DESTROY was missed, without numbers", func(f *feed) {
			f.Add(monitor.KindNew, at(0), 0, client(1))
			f.Life(at(5), at(9), 0, client(1))
		}, []life{{1, 0, 5, Replaced, EndedInGap}, {1, 5, 9, Destroyed, 0}}, 0},
		{"a dump reports it before its NEW arrives", func(f *feed) {
			f.Add(monitor.KindExisting, at(0), 0, client(1))
			f.Life(at(1), at(9), 0, client(1))
		}, []life{{1, 0, 9, Destroyed, BeganBefore}}, 0},
		{"the NEW after a dump has its beginning", func(f *feed) {
			f.Add(monitor.KindExisting, at(2), 0, client(1))
			f.Life(at(1), at(9), 0, client(1))
		}, []life{{1, 1, 9, Destroyed, 0}}, 0},
		{"its DESTROY overtakes an UPDATE", func(f *feed) {
			f.Life(at(0), at(9), 1, client(1))
			f.Add(monitor.KindUpdate, at(9), 1, client(1)) // a recording has its number, too
			f.Add(monitor.KindUpdate, at(10), 0, client(2)).Unkept = true
		}, []life{{1, 0, 9, Destroyed, 0}}, 0},
		{"a recording of another run begins, which counts from 1", func(f *feed) {
			f.Life(at(0), at(2), 1, client(1))
			f.Life(at(3), at(9), 1, client(2))
		}, []life{{1, 0, 2, Destroyed, 0}, {2, 3, 9, Destroyed, 0}}, 0},
		{"an UPDATE overtakes its NEW", func(f *feed) {
			f.Add(monitor.KindUpdate, at(2), 0, client(1))
			f.Life(at(1), at(9), 0, client(1))
		}, []life{{1, 1, 9, Destroyed, 0}}, 0},
		{"an UPDATE overtakes its NEW, both stamped as they are received", func(f *feed) {
			f.Add(monitor.KindUpdate, at(1), 1, client(1))
			f.Life(at(2), at(9), 1, client(1))
		}, []life{{1, 1, 9, Destroyed, 0}}, 0},
		{"an UPDATE overtakes its NEW after a gap", func(f *feed) {
			f.Lost(at(0), at(1), 10)
			f.Add(monitor.KindUpdate, at(3), 0, client(1))
			f.Life(at(4), at(9), 0, client(1))
		}, []life{{1, 4, 9, Destroyed, 0}}, 0},
		{"an UPDATE comes before the NEW of another flow", func(f *feed) {
			f.Add(monitor.KindUpdate, at(1), 0, client(1)).Flow.ID = 7
			f.Life(at(2), at(9), 0, client(1))
		}, []life{{1, 1, 2, Replaced, BeganBefore | EndedInGap}, {1, 2, 9, Destroyed, 0}}, 0},
		{"a gap", func(f *feed) {
			f.Add(monitor.KindNew, at(0), 1, client(1))
			f.Life(at(0), at(1), 2, client(2))
			f.Lost(at(4), at(5), 10)
			f.Add(monitor.KindNew, at(6), 3, client(3)).Inferred = true
			f.Add(monitor.KindDestroy, at(7), 1, client(1)).Inferred = true
			f.Batch.Add().Kind = monitor.KindResynced
			f.Add(monitor.KindDestroy, at(8), 3, client(3))
			f.Life(at(9), at(10), 4, client(4))
		}, []life{
			{2, 0, 1, Destroyed, 0},
			{1, 0, 7, Resync, EndedInGap | TouchedByGap},
			{3, 4, 8, Destroyed, BeganInGap},
			{4, 9, 10, Destroyed, 0},
		}, 0},
		{"a gap in one network namespace", func(f *feed) {
			f.Add(monitor.KindNew, at(0), 1, in(1, client(1)))
			f.Add(monitor.KindNew, at(0), 2, in(2, client(2)))
			f.Lost(at(4), at(5), 10).SetNetNS(1)
			f.Add(monitor.KindNew, at(6), 3, in(1, client(3))).Inferred = true
			f.Add(monitor.KindExisting, at(6), 4, in(2, client(4)))
			for n := range 4 {
				f.Add(monitor.KindDestroy, at(9), uint64(n+1), in(monitor.NetNS(1+n%2), client(n+1)))
			}
		}, []life{
			{1, 0, 9, Destroyed, TouchedByGap},
			{2, 0, 9, Destroyed, 0},
			{3, 4, 9, Destroyed, BeganInGap},
			{4, 6, 9, Destroyed, BeganBefore},
		}, 0},
		{"a gap while the previous one is reconciled", func(f *feed) {
			f.Add(monitor.KindNew, at(0), 1, client(1))
			f.Lost(at(4), at(5), 10)
			f.Lost(at(6), at(7), 10)
			resynced(f, at(6), at(8))
			f.Add(monitor.KindNew, at(9), 2, client(2)).Inferred = true
			resynced(f, at(8), at(10))
			f.Add(monitor.KindExisting, at(11), 3, client(3))
			f.Add(monitor.KindDestroy, at(12), 2, client(2))
			f.Add(monitor.KindDestroy, at(12), 3, client(3))
		}, []life{{2, 4, 12, Destroyed, BeganInGap}, {3, 11, 12, Destroyed, BeganBefore}}, 1},
		{"its network namespace ended", func(f *feed) {
			f.Life(at(0), at(9), 1, in(1, client(1)))
			f.Batch.Events[1].Inferred, f.Batch.Events[1].Reason = true, monitor.ReasonNetNSEnd
		}, []life{{1, 0, 9, NamespaceEnd, 0}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			tracker := NewTracker(TrackerConfig{Name: names})
			var f feed
			c.feed(&f)
			var ch Changes
			tracker.Apply(f.Take(), &ch)
			if diff := cmp.Diff(c.want, lives(ch.Closed)); diff != "" {
				t.Error(diff)
			}
			if tracker.Len() != c.open {
				t.Errorf("%d are open, want %d", tracker.Len(), c.open)
			}
		})
	}
}

// previous returns a run that left flows 1 to n open, all seen without doubt, in
// network namespace "1".
func previous(n int) Previous {
	p := Previous{From: at(10), Until: at(60), Reason: Restart}
	tracker := NewTracker(TrackerConfig{Name: names})
	var f feed
	for i := range n {
		f.Add(monitor.KindNew, at(i), 0, in(1, client(i+1))).Flow.ID = uint32(i + 1)
	}
	var ch Changes
	tracker.Apply(f.Take(), &ch)
	for i := range ch.Opened {
		p.Add(&ch.Opened[i])
	}
	return p
}

// TestPrevious goes through what can have become of a flow that the previous run
// left open.
func TestPrevious(t *testing.T) {
	// Namespace "1" has another number in this run.
	name := func(n monitor.NetNS) string { return map[monitor.NetNS]string{7: "1", 8: "2"}[n] }
	seen := func(f *feed, kind monitor.Kind, second, port, id int) *monitor.Event {
		e := f.Add(kind, at(second), 0, in(7, client(port)))
		e.Flow.ID = uint32(id)
		return e
	}
	started := func(e *monitor.Event, at monitor.Time) {
		e.Flow.Start = at
		e.Has |= monitor.AttrStart
	}
	const gone = EndedInGap | TouchedByRestart
	for _, c := range []struct {
		name string
		feed func(f *feed)
		want []life
	}{
		{"nothing is seen", func(*feed) {}, []life{{1, 0, 60, Restart, gone}, {2, 1, 60, Restart, gone}}},
		{"a dump shows one", func(f *feed) {
			seen(f, monitor.KindExisting, 61, 1, 1)
			seen(f, monitor.KindDestroy, 70, 1, 1)
		}, []life{{1, 0, 70, Destroyed, TouchedByRestart}, {2, 1, 60, Restart, gone}}},
		{"a DESTROY shows one", func(f *feed) {
			seen(f, monitor.KindDestroy, 70, 2, 2)
		}, []life{{2, 1, 70, Destroyed, TouchedByRestart}, {1, 0, 60, Restart, gone}}},
		{"a NEW has its tuple", func(f *feed) {
			seen(f, monitor.KindNew, 62, 1, 1)
			seen(f, monitor.KindDestroy, 70, 1, 1)
		}, []life{{1, 0, 60, Restart, gone}, {1, 62, 70, Destroyed, 0}, {2, 1, 60, Restart, gone}}},
		{"a flow with another id has its tuple", func(f *feed) {
			seen(f, monitor.KindExisting, 61, 1, 99)
			seen(f, monitor.KindDestroy, 70, 1, 99)
		}, []life{{1, 0, 60, Restart, gone}, {1, 10, 70, Destroyed, BeganInGap | TouchedByRestart}, {2, 1, 60, Restart, gone}}},
		{"a dump shows one with the kernel's start", func(f *feed) {
			started(seen(f, monitor.KindExisting, 61, 1, 1), at(0)+14_000)
			started(seen(f, monitor.KindDestroy, 70, 1, 1), at(0)+14_000)
		}, []life{{1, 0, 70, Destroyed, TouchedByRestart}, {2, 1, 60, Restart, gone}}},
		{"a flow that began after the previous run has its tuple and its id", func(f *feed) {
			started(seen(f, monitor.KindExisting, 62, 1, 1), at(61))
			started(seen(f, monitor.KindDestroy, 70, 1, 1), at(61))
		}, []life{{1, 0, 60, Restart, gone}, {1, 61, 70, Destroyed, 0}, {2, 1, 60, Restart, gone}}},
		{"a flow of another network namespace has its tuple", func(f *feed) {
			seen(f, monitor.KindExisting, 61, 1, 1).SetNetNS(8)
			seen(f, monitor.KindDestroy, 70, 1, 1).SetNetNS(8)
		}, []life{{1, 10, 70, Destroyed, BeganInGap | TouchedByRestart}, {1, 0, 60, Restart, gone}, {2, 1, 60, Restart, gone}}},
		{"events are lost before a dump shows it", func(f *feed) {
			f.Lost(at(61), at(62), 5).SetNetNS(7)
			seen(f, monitor.KindExisting, 63, 1, 1)
			seen(f, monitor.KindDestroy, 70, 1, 1)
		}, []life{{1, 0, 70, Destroyed, TouchedByRestart | TouchedByGap}, {2, 1, 60, Restart, gone | TouchedByGap}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tracker := NewTracker(TrackerConfig{Name: name, Last: 2, Previous: previous(2)})
			if tracker.Len() != 2 {
				t.Fatalf("%d are open at the beginning", tracker.Len())
			}
			var f feed
			c.feed(&f)
			var ch Changes
			tracker.Apply(f.Take(), &ch)
			tracker.Settle(&ch)
			if diff := cmp.Diff(c.want, lives(ch.Closed)); diff != "" {
				t.Error(diff)
			}
			if tracker.Len() != 0 {
				t.Errorf("%d are open", tracker.Len())
			}
		})
	}
}

// TestResumedFlowsKeepTheirNumbers expects a resumed flow to be no new one: its
// row in the files stays.
func TestResumedFlowsKeepTheirNumbers(t *testing.T) {
	tracker := NewTracker(TrackerConfig{Name: names, Last: 2, Previous: previous(2)})
	var f feed
	f.Add(monitor.KindExisting, at(61), 0, in(1, client(2))).Flow.ID = 2
	f.Add(monitor.KindNew, at(62), 0, in(1, client(3)))
	f.Add(monitor.KindDestroy, at(63), 0, in(1, client(2))).Flow.ID = 2
	var ch Changes
	tracker.Apply(f.Take(), &ch)
	if len(ch.Opened) != 1 || ch.Opened[0].Number != 3 || len(ch.Closed) != 1 || ch.Closed[0].Number != 2 || tracker.Last() != 3 {
		t.Errorf("opened %+v, closed %+v, last %d", ch.Opened, ch.Closed, tracker.Last())
	}
}

// busy returns a batch of flows that begin and end.
func busy() *monitor.Batch {
	var f feed
	for i := range 256 {
		f.Add(monitor.KindNew, at(0), 0, client(i+1))
		f.Add(monitor.KindUpdate, at(0), 0, client(i+1))
		f.Add(monitor.KindDestroy, at(0), 0, client(i+1))
	}
	return f.Take()
}

// TestTrackerAllocates expects no allocation once the tracker has grown.
func TestTrackerAllocates(t *testing.T) {
	tracker, b := NewTracker(TrackerConfig{Name: names}), busy()
	var ch Changes
	run := func() {
		ch.Reset()
		tracker.Apply(b, &ch)
	}
	run()
	if n := testing.AllocsPerRun(20, run); n != 0 {
		t.Errorf("%.1f allocations a batch", n)
	}
}

func BenchmarkTracker(b *testing.B) {
	tracker, batch := NewTracker(TrackerConfig{}), busy()
	var ch Changes
	b.ReportAllocs()
	for b.Loop() {
		ch.Reset()
		tracker.Apply(batch, &ch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch.Events)), "ns/event")
}

// TestTrackerBetterName gives a network namespace a name while a translation is open in it, and loses events before and
// after that.
func TestTrackerBetterName(t *testing.T) {
	for _, lost := range []string{"", "pid:7", "blue"} {
		name := "pid:7"
		tracker := NewTracker(TrackerConfig{Name: func(monitor.NetNS) string { return name }})
		var f feed
		var ch Changes
		f.Add(monitor.KindNew, at(0), 1, in(7, client(1)))
		if lost == "pid:7" {
			f.Lost(at(1), at(2), 10).SetNetNS(7)
		}
		tracker.Apply(f.Take(), &ch)
		name = "blue"
		if lost == "blue" {
			f.Lost(at(3), at(4), 10).SetNetNS(7)
		}
		f.Add(monitor.KindDestroy, at(9), 1, in(7, client(1)))
		tracker.Apply(f.Take(), &ch)
		if len(ch.Closed) != 1 || ch.Closed[0].Namespace != "blue" || (ch.Closed[0].Doubt == TouchedByGap) != (lost != "") {
			t.Errorf("lost in %q: %+v", lost, ch.Closed)
		}
	}
}
