package table

import (
	"testing"

	"natlens/monitor"
)

// TestClear empties a table: nothing of before is found, and what comes after has
// generations of its own.
func TestClear(t *testing.T) {
	table := New(Config{Linger: 1000, Life: true})
	for port := range uint16(3 * chunkRows) {
		apply(table, message(monitor.KindNew, 1, tcpTuple(1, port), uint32(port), func(e *monitor.Event) {
			e.Has |= monitor.AttrHelper
			e.Extra = &monitor.Extra{Helper: []byte("ftp")}
		}))
	}
	before := apply(
		table,
		message(monitor.KindNew, 2, tcpTuple(2, 1), 1, nil),
		message(monitor.KindDestroy, 3, tcpTuple(2, 1), 1, nil),
	)
	changes := table.Changes()
	table.Clear()
	if table.Len() != 0 || table.Changes() == changes || len(table.extras) != 0 {
		t.Errorf("%d flows, %d extras", table.Len(), len(table.extras))
	}
	if _, _, ok := table.Get(before[0].Row, before[0].Gen); ok {
		t.Error("a flow that lingered is still there")
	}
	if _, _, ok := table.Lookup(tcpTuple(1, 7)); ok {
		t.Error("a flow of before is found")
	}
	table.Scan(func(uint32, *Row, *monitor.Extra) bool { t.Error("a row is left"); return false })
	after := apply(
		table,
		message(monitor.KindDestroy, 4, tcpTuple(1, 7), 7, nil),
		message(monitor.KindNew, 5, tcpTuple(1, 7), 7, nil),
	)
	if got := line(&after[1]); after[1].Gen <= before[0].Gen || after[1].Row != 0 || table.Len() != 1 {
		t.Errorf("%s in row %d, %d flows", got, after[1].Row, table.Len())
	}
	table.Expire(1 << 60)
	if table.Len() != 1 {
		t.Error("what lingered before took a flow of after along")
	}
}

// TestRecordedEvents applies events that come with what their writer remembered
// of the flow, and with its path.
func TestRecordedEvents(t *testing.T) {
	table := New(Config{})
	recalled := func(e *monitor.Event) {
		e.Remembered, e.Extra = monitor.AttrHelper|monitor.AttrMark, &monitor.Extra{Helper: []byte("ftp")}
		e.Flow.Mark, e.Flow.Path = 7, monitor.PathOut
	}
	got := apply(table,
		message(monitor.KindUpdate, 1, tcpTuple(1, 1), 1, recalled),
		message(monitor.KindUpdate, 2, tcpTuple(1, 1), 1, state(monitor.TCPEstablished)),
		message(monitor.KindUpdate, 3, tcpTuple(1, 1), 1, func(e *monitor.Event) { recalled(e); e.Flow.Mark = 8 }),
		message(monitor.KindDestroy, 4, tcpTuple(1, 1), 1, nil),
	)
	for i, want := range []struct {
		mark  uint32
		state monitor.State
		known monitor.Attrs
	}{
		{7, monitor.TCPNone, monitor.AttrHelper | monitor.AttrMark},
		{7, monitor.TCPEstablished, monitor.AttrHelper | monitor.AttrMark},
		{8, monitor.TCPEstablished, monitor.AttrHelper | monitor.AttrMark | monitor.AttrState},
		{8, monitor.TCPEstablished, monitor.AttrHelper | monitor.AttrMark | monitor.AttrState},
	} {
		e := &got[i]
		if e.Flow.Path != monitor.PathOut || e.Flow.Mark != want.mark || e.Flow.State != want.state ||
			e.Remembered != want.known || string(e.Extra.Helper) != "ftp" {
			t.Errorf("event %d: %s path=%s mark=%d", i, line(e), e.Flow.Path, e.Flow.Mark)
		}
	}
	table.SetLocals(monitor.NewLocals(nil))
	if e := apply(table, message(monitor.KindNew, 5, tcpTuple(1, 1), 1, recalled)); e[0].Flow.Path != monitor.PathForward {
		t.Errorf("path %s though the addresses are known", e[0].Flow.Path)
	}
}
