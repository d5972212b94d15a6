package monitor

import "testing"

func TestRefresh(t *testing.T) {
	table := filled(3)
	orig := sortedRows(table, &Query{})[1]
	reading := func(id uint32) *Event {
		e := &Event{Kind: KindExisting, Time: 5e9, Has: AttrOrig | AttrStatus | AttrTimeout | AttrCountersReply | AttrID}
		e.Flow = orig.Flow
		e.Flow.ID, e.Flow.Timeout, e.Flow.CountersReply.Bytes, e.Flow.Status = id, 77, 1234, Assured
		return e
	}
	if !table.Refresh(orig.Index, orig.Gen, reading(1)) {
		t.Fatal("a reading of a live flow is refused")
	}
	r, _, _ := table.Get(orig.Index, orig.Gen)
	if r.Flow.Timeout != 77 || r.Flow.CountersReply.Bytes != 1234 || r.Last != 5e9 || r.Flow.Status.Has(Assured) {
		t.Errorf("row after the reading: %+v", r)
	}
	var b Batch
	e := b.Add()
	e.Kind, e.Time, e.Flow.Orig, e.Has, e.Flow.ID = KindUpdate, 6e9, orig.Flow.Orig, AttrOrig|AttrID, 1
	table.Apply(&b)
	if table.Refresh(orig.Index, orig.Gen, reading(2)) {
		t.Error("a reading of another flow with the same tuple is taken")
	}
	b.Reset()
	e = b.Add()
	e.Kind, e.Time, e.Flow.Orig, e.Has = KindDestroy, 7e9, orig.Flow.Orig, AttrOrig
	table.Apply(&b)
	if table.Refresh(orig.Index, orig.Gen, reading(1)) || table.Refresh(99, 5, reading(1)) {
		t.Error("a reading of a flow that has ended is taken")
	}
}
