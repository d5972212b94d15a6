package history

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

// life is what a test compares of a translation.
type life struct {
	Port       uint16 // of SentAs
	Start, End int    // seconds since at0
	Reason     Reason
	Doubt      Doubt
}

func lives(all []Translation) (out []life) {
	for _, t := range all {
		l := life{Port: t.SentAs.Port, Start: int((t.Start - at0) / second), Reason: t.Reason, Doubt: t.Doubt}
		if t.End != 0 {
			l.End = int((t.End - at0) / second)
		}
		out = append(out, l)
	}
	return out
}

func inNetNS(n monitor.NetNS, f monitor.Flow) monitor.Flow {
	f.Orig.NetNS, f.Reply.NetNS = n, n
	return f
}

func client(port string) monitor.Flow {
	return snat("10.0.0.1:"+port, "203.0.113.7:"+port, "198.51.100.9:443")
}

// TestTracker goes through every way in which a translation begins and ends.
func TestTracker(t *testing.T) {
	at := func(s int) monitor.Time { return at0 + monitor.Time(s)*second }
	for _, c := range []struct {
		name string
		feed func(f *feed)
		want []life
		open int
	}{
		{"seen from end to end", func(f *feed) {
			f.add(monitor.KindNew, at(0), 1, client("1"))
			f.add(monitor.KindUpdate, at(1), 1, client("1"))
			f.add(monitor.KindDestroy, at(9), 1, client("1"))
		}, []life{{1, 0, 9, Destroyed, 0}}, 0},
		{"not rewritten", func(f *feed) {
			f.add(monitor.KindNew, at(0), 1, flow("10.0.0.1:1", "10.0.0.2:2", "10.0.0.1:1", "10.0.0.2:2"))
		}, nil, 0},
		{"deleted by a process", func(f *feed) {
			f.add(monitor.KindNew, at(0), 1, client("1"))
			f.add(monitor.KindDestroy, at(9), 1, client("1")).PortID = 77
		}, []life{{1, 0, 9, Deleted, 0}}, 0},
		{"there before capture", func(f *feed) {
			f.add(monitor.KindExisting, at(3), 1, client("1"))
			f.add(monitor.KindDestroy, at(9), 1, client("1"))
		}, []life{{1, 3, 9, Destroyed, BeganBefore}}, 0},
		{"there before capture, the kernel knows since when", func(f *feed) {
			fl := client("1")
			fl.Start = at(-100)
			f.add(monitor.KindExisting, at(3), 1, fl).Has |= monitor.AttrStart
			f.add(monitor.KindDestroy, at(9), 1, client("1"))
		}, []life{{1, -100, 9, Destroyed, 0}}, 0},
		{"known from its end", func(f *feed) {
			f.add(monitor.KindNew, at(0), 1, client("1"))
			f.add(monitor.KindDestroy, at(9), 2, client("2"))
		}, []life{{2, 0, 9, Destroyed, BeganBefore}}, 1},
		{"the end was missed", func(f *feed) {
			f.add(monitor.KindNew, at(0), 1, client("1"))
			f.add(monitor.KindNew, at(5), 2, client("1"))
			f.add(monitor.KindDestroy, at(9), 2, client("1"))
		}, []life{{1, 0, 5, Replaced, EndedInGap}, {1, 5, 9, Destroyed, 0}}, 0},
		{"the same without numbers", func(f *feed) {
			f.add(monitor.KindNew, at(0), 0, client("1"))
			f.add(monitor.KindNew, at(5), 0, client("1"))
			f.add(monitor.KindDestroy, at(9), 0, client("1"))
		}, []life{{1, 0, 5, Replaced, EndedInGap}, {1, 5, 9, Destroyed, 0}}, 0},
		{"a dump and the NEW that was on its way", func(f *feed) {
			f.add(monitor.KindExisting, at(0), 0, client("1"))
			f.add(monitor.KindNew, at(1), 0, client("1"))
			f.add(monitor.KindDestroy, at(9), 0, client("1"))
		}, []life{{1, 0, 9, Destroyed, BeganBefore}}, 0},
		{"a dump and the NEW that tells when it began", func(f *feed) {
			f.add(monitor.KindExisting, at(2), 0, client("1"))
			f.add(monitor.KindNew, at(1), 0, client("1"))
			f.add(monitor.KindDestroy, at(9), 0, client("1"))
		}, []life{{1, 1, 9, Destroyed, 0}}, 0},
		{"a gap", func(f *feed) {
			f.add(monitor.KindNew, at(0), 1, client("1"))
			f.add(monitor.KindNew, at(0), 2, client("2"))
			f.add(monitor.KindDestroy, at(1), 2, client("2"))
			f.lost(at(5), at(4), at(5), 10)
			f.add(monitor.KindNew, at(6), 3, client("3")).Inferred = true
			f.add(monitor.KindDestroy, at(7), 1, client("1")).Inferred = true
			f.b.Add().Kind = monitor.KindResynced
			f.add(monitor.KindDestroy, at(8), 3, client("3"))
			f.add(monitor.KindNew, at(9), 4, client("4"))
			f.add(monitor.KindDestroy, at(10), 4, client("4"))
		}, []life{
			{2, 0, 1, Destroyed, 0},
			{1, 0, 7, Resync, EndedInGap | TouchedByGap},
			{3, 4, 8, Destroyed, BeganInGap},
			{4, 9, 10, Destroyed, 0},
		}, 0},
		{"a gap in one namespace", func(f *feed) {
			f.add(monitor.KindNew, at(0), 1, inNetNS(1, client("1")))
			f.add(monitor.KindNew, at(0), 2, inNetNS(2, client("2")))
			f.lost(at(5), at(4), at(5), 10).SetNetNS(1)
			f.add(monitor.KindNew, at(6), 3, inNetNS(1, client("3"))).Inferred = true
			f.add(monitor.KindExisting, at(6), 4, inNetNS(2, client("4")))
			for n := range 4 {
				f.add(monitor.KindDestroy, at(9), uint64(n+1), inNetNS(monitor.NetNS(1+n%2), client(fmt.Sprint(n+1))))
			}
		}, []life{
			{1, 0, 9, Destroyed, TouchedByGap},
			{2, 0, 9, Destroyed, 0},
			{3, 4, 9, Destroyed, BeganInGap},
			{4, 6, 9, Destroyed, BeganBefore},
		}, 0},
		{"a gap while the one before is reconciled", func(f *feed) {
			f.add(monitor.KindNew, at(0), 1, client("1"))
			f.lost(at(5), at(4), at(5), 10)
			f.lost(at(7), at(6), at(7), 10)
			resynced := f.b.Add()
			resynced.Kind, resynced.Time, resynced.Gap = monitor.KindResynced, at(8), &monitor.Gap{From: at(6), To: at(8)}
			f.add(monitor.KindNew, at(9), 2, client("2")).Inferred = true
			resynced = f.b.Add()
			resynced.Kind, resynced.Time, resynced.Gap = monitor.KindResynced, at(10), &monitor.Gap{From: at(8), To: at(10)}
			f.add(monitor.KindExisting, at(11), 3, client("3"))
			f.add(monitor.KindDestroy, at(12), 2, client("2"))
			f.add(monitor.KindDestroy, at(12), 3, client("3"))
		}, []life{{2, 4, 12, Destroyed, BeganInGap}, {3, 11, 12, Destroyed, BeganBefore}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			tracker := NewTracker(TrackerConfig{})
			var f feed
			c.feed(&f)
			var ch Changes
			tracker.Apply(f.take(), &ch)
			if diff := cmp.Diff(c.want, lives(ch.Closed)); diff != "" {
				t.Error(diff)
			}
			if tracker.Len() != c.open {
				t.Errorf("%d are open, want %d", tracker.Len(), c.open)
			}
		})
	}
}

// TestTrackerAllocates holds the tracker to no allocation once it has grown.
func TestTrackerAllocates(t *testing.T) {
	tracker := NewTracker(TrackerConfig{})
	var f feed
	for i := range 256 {
		fl := client("1")
		fl.Orig.SrcPort, fl.Reply.DstPort = uint16(i+1), uint16(i+1)
		f.add(monitor.KindNew, at0, 0, fl)
		f.add(monitor.KindUpdate, at0, 0, fl)
		f.add(monitor.KindDestroy, at0, 0, fl)
	}
	b := f.take()
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
	tracker := NewTracker(TrackerConfig{})
	var f feed
	for i := range 256 {
		fl := client("1")
		fl.Orig.SrcPort, fl.Reply.DstPort = uint16(i+1), uint16(i+1)
		f.add(monitor.KindNew, at0, 0, fl)
		f.add(monitor.KindDestroy, at0, 0, fl)
	}
	batch := f.take()
	var ch Changes
	b.ReportAllocs()
	for b.Loop() {
		ch.Reset()
		tracker.Apply(batch, &ch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch.Events)), "ns/event")
}
