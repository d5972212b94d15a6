package table

import (
	"testing"

	"natlens/monitor"
)

func TestRefresh(t *testing.T) {
	table := filled(3)
	orig := sortedRows(table, &Query{})[1]
	reading := func(id uint32) *monitor.Event {
		e := &monitor.Event{
			Kind: monitor.KindExisting,
			Time: 5e9,
			Has:  monitor.AttrOrig | monitor.AttrStatus | monitor.AttrTimeout | monitor.AttrCountersReply | monitor.AttrID,
		}
		e.Flow = orig.Flow
		e.Flow.ID, e.Flow.Timeout, e.Flow.CountersReply.Bytes, e.Flow.Status = id, 77, 1234, monitor.Assured
		return e
	}
	if !table.Refresh(orig.Index, orig.Gen, reading(1)) {
		t.Fatal("a reading of a live flow is refused")
	}
	r, _, _ := table.Get(orig.Index, orig.Gen)
	if r.Flow.Timeout != 77 || r.Flow.CountersReply.Bytes != 1234 || r.Last != 5e9 || r.Flow.Status.Has(monitor.Assured) {
		t.Errorf("row after the reading: %+v", r)
	}
	var b monitor.Batch
	e := b.Add()
	e.Kind, e.Time, e.Flow.Orig, e.Has, e.Flow.ID = monitor.KindUpdate, 6e9, orig.Flow.Orig, monitor.AttrOrig|monitor.AttrID, 1
	table.Apply(&b)
	if table.Refresh(orig.Index, orig.Gen, reading(2)) {
		t.Error("a reading of another flow with the same tuple is taken")
	}
	b.Reset()
	e = b.Add()
	e.Kind, e.Time, e.Flow.Orig, e.Has = monitor.KindDestroy, 7e9, orig.Flow.Orig, monitor.AttrOrig
	table.Apply(&b)
	if table.Refresh(orig.Index, orig.Gen, reading(1)) || table.Refresh(99, 5, reading(1)) {
		t.Error("a reading of a flow that has ended is taken")
	}
}
