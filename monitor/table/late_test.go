package table

import (
	"testing"

	"natlens/monitor"
)

// TestLate has a DESTROY overtake other messages of its flow. They add no flow; those of the next flow with the tuple do.
func TestLate(t *testing.T) {
	const ms = monitor.Time(1e6)
	tuple := tcpTuple(2, 40000)
	at := func(k monitor.Kind, at monitor.Time, id uint32) monitor.Event { return message(k, at, tuple, id, nil) }
	begun := []monitor.Event{at(monitor.KindNew, 1000*ms, 7), at(monitor.KindDestroy, 2000*ms, 7)}
	for _, c := range []struct {
		what  string
		first []monitor.Event
		then  monitor.Event
		late  bool
	}{
		{"an UPDATE, received later", begun, at(monitor.KindUpdate, 2003*ms, 7), true},
		{"an UPDATE, stamped by the kernel", begun, at(monitor.KindUpdate, 1999*ms, 7), true},
		{"an UPDATE of another flow", begun, at(monitor.KindUpdate, 2003*ms, 8), false},
		{"an UPDATE long after", begun, at(monitor.KindUpdate, 3500*ms, 7), false},
		{"an UPDATE without a time", begun, at(monitor.KindUpdate, 0, 7), false},
		{"an UPDATE of a flow that only its end showed", begun[1:], at(monitor.KindUpdate, 2003*ms, 7), true},
		{"the NEW of the next flow", begun, at(monitor.KindNew, 2000*ms, 7), false},
		{"a NEW, received with the DESTROY", begun[1:], at(monitor.KindNew, 2000*ms, 7), true},
		{"a NEW after the end of a flow that only its end showed", begun[1:], at(monitor.KindNew, 2001*ms, 7), false},
		{"a dump", begun, at(monitor.KindExisting, 2000*ms, 7), false},
	} {
		table := New(Config{})
		first := apply(table, append([]monitor.Event(nil), c.first...)...)
		ended := first[len(first)-1].Gen
		got := apply(table, c.then)[0]
		live := 1
		if c.late {
			live = 0
		}
		if got.Unkept != c.late || table.Len() != live || (got.Gen == ended) != c.late {
			t.Errorf("%s: late %v, generation %d (ended %d), %d flows", c.what, got.Unkept, got.Gen, ended, table.Len())
		}
		if !c.late {
			continue
		}
		// The next flow with this tuple and, as the kernel does it, with the same id.
		next := apply(table, at(monitor.KindNew, 2010*ms, 7), at(monitor.KindUpdate, 2011*ms, 7))
		if next[0].Gen == ended || next[1].Gen != next[0].Gen || table.Len() != 1 || next[1].Unkept {
			t.Errorf("%s, then the next flow: %d flows, %s", c.what, table.Len(), lines(next))
		}
	}
}
