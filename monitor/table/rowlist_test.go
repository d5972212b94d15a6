package table

import (
	"slices"
	"testing"
	"time"

	"natlens/monitor"
)

func TestRowList(t *testing.T) {
	s := new(slab)
	for range 6 {
		s.take()
	}
	var l rowList
	l.append(s, 2)
	l.append(s, 4)
	l.prepend(s, 1)
	l.append(s, 5)
	var got []uint32
	for row, ok := l.first(); ok; row, ok = l.first() {
		l.drop(s)
		if got = append(got, row); row == 4 {
			l.prepend(s, 0)
		}
	}
	l.prepend(s, 3) // an emptied list can be filled again
	l.append(s, 1)
	for row, ok := l.first(); ok; row, ok = l.first() {
		l.drop(s)
		got = append(got, row)
	}
	if want := []uint32{1, 2, 4, 0, 5, 3, 1}; !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
}

// Hundreds of thousands of flows may end at once. They are let go some thousands
// at a time, and their rows are used again.
func TestManyEnds(t *testing.T) {
	const flows = 3 * expireAtOnce / 2
	table := New(Config{Linger: time.Second})
	var batch monitor.Batch
	all := func(k monitor.Kind, at monitor.Time) {
		for i := 0; i < flows; i += monitor.BatchSize {
			batch.Reset()
			for j := i; j < i+monitor.BatchSize; j++ {
				tuple := tcpTuple(byte(j>>14), uint16(j&0x3fff))
				*batch.Add() = message(k, at, tuple, uint32(j), nil)
			}
			table.Apply(&batch)
		}
	}
	rows := func() (live, ended int) {
		table.Scan(func(_ uint32, r *Row, _ *monitor.Extra) bool {
			if r.State&RowEnded != 0 {
				ended++
			} else {
				live++
			}
			return true
		})
		return live, ended
	}
	all(monitor.KindNew, 1)
	all(monitor.KindDestroy, 2)
	if live, ended := rows(); live != 0 || ended != flows {
		t.Fatalf("%d live and %d ended", live, ended)
	}
	table.Expire(2 + monitor.Time(time.Second))
	if _, ended := rows(); ended != flows-expireAtOnce {
		t.Fatalf("%d linger after one call", ended)
	}
	table.Expire(2 + monitor.Time(time.Second))
	if _, ended := rows(); ended != 0 {
		t.Fatalf("%d linger after two calls", ended)
	}
	all(monitor.KindNew, 3)
	if live, _ := rows(); live != flows || table.rows.next != flows {
		t.Fatalf("%d live in %d rows", live, table.rows.next)
	}
}

// A DESTROY may be the first message with an attribute outside the packed row:
// it goes with the row.
func TestEndLeavesNothing(t *testing.T) {
	table := New(Config{})
	tuple := tcpTuple(1, 1000)
	apply(table, message(monitor.KindNew, 1, tuple, 7, nil))
	events := apply(table, message(monitor.KindDestroy, 2, tuple, 7, func(e *monitor.Event) {
		e.Has |= monitor.AttrLabels | monitor.AttrCountersOrig
		e.Flow.CountersOrig = monitor.Counters{Packets: 3, Bytes: 200}
		e.Extra = &monitor.Extra{Labels: []byte{1}}
	}))
	if e := &events[0]; e.Flow.CountersOrig.Bytes != 200 || e.Born != 1 {
		t.Errorf("%+v", e)
	}
	if len(table.extras) != 0 || table.Len() != 0 {
		t.Errorf("%d flows and %d extras are left", table.Len(), len(table.extras))
	}
}
