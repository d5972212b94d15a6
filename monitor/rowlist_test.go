package monitor

import (
	"testing"
	"time"
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
	l.append(s, 3) // an emptied list begins anew
	row, ok := l.first()
	want := []uint32{1, 2, 4, 0, 5}
	if len(got) != len(want) || row != 3 || !ok {
		t.Fatalf("%v, then %d %v; want %v, then 3", got, row, ok, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}

// Hundreds of thousands of flows may end at once. They are let go some thousands
// at a time, and their rows are used again.
func TestManyEnds(t *testing.T) {
	const flows = 3 * expireAtOnce / 2
	table := NewTable(TableConfig{Linger: time.Second})
	var batch Batch
	all := func(k Kind, at Time) {
		for i := 0; i < flows; i += BatchSize {
			batch.Reset()
			for j := i; j < i+BatchSize; j++ {
				tuple := tcpTuple(byte(j>>14), uint16(j&0x3fff))
				*batch.Add() = message(k, at, tuple, uint32(j), nil)
			}
			table.Apply(&batch)
		}
	}
	rows := func() (live, ended int) {
		table.Scan(func(_ uint32, r *Row, _ *Extra) bool {
			if r.State&RowEnded != 0 {
				ended++
			} else {
				live++
			}
			return true
		})
		return live, ended
	}
	all(KindNew, 1)
	all(KindDestroy, 2)
	if live, ended := rows(); live != 0 || ended != flows {
		t.Fatalf("%d live and %d ended", live, ended)
	}
	table.Expire(2 + Time(time.Second))
	if _, ended := rows(); ended != flows-expireAtOnce {
		t.Fatalf("%d linger after one look", ended)
	}
	table.Expire(2 + Time(time.Second))
	if _, ended := rows(); ended != 0 {
		t.Fatalf("%d linger after two looks", ended)
	}
	all(KindNew, 3)
	if live, _ := rows(); live != flows || table.rows.next != flows {
		t.Fatalf("%d live in %d rows", live, table.rows.next)
	}
}
