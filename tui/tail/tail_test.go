package tail

import (
	"errors"
	"testing"
	"time"

	"natlens/monitor"
)

func tailBatch(from, to uint64) *monitor.Batch {
	var b monitor.Batch
	for seq := from; seq <= to; seq++ {
		e := b.Add()
		e.Seq, e.Time, e.Kind = seq, monitor.Time(seq), monitor.KindNew
		e.Flow.Orig.SrcPort = uint16(seq)
	}
	return &b
}

func seqs(events []monitor.Event) (first, last uint64) {
	if len(events) == 0 {
		return 0, 0
	}
	for i := range events {
		if events[i].Seq != events[0].Seq+uint64(i) {
			return 0, 0
		}
	}
	return events[0].Seq, events[len(events)-1].Seq
}

// The ring keeps the last events; what is asked for around an event comes in order, also over
// the end of the ring.
func TestTailAround(t *testing.T) {
	tail := New()
	const n = Size + 1234
	for seq := uint64(1); seq <= n; seq += 1000 {
		if err := tail.Write(tailBatch(seq, min(seq+999, n))); err != nil {
			t.Fatal(err)
		}
	}
	oldest := uint64(n - Size + 1)
	for _, c := range []struct {
		seq          uint64
		above, below int
		first, last  uint64
		at, before   int
	}{
		{n, 10, 10, n - 10, n, 10, Size - 11},
		{n + 1, 10, 10, n - 9, n, 10, Size - 10},
		{1, 10, 10, oldest, oldest + 9, 0, 0},
		{oldest + 5, 10, 10, oldest, oldest + 14, 5, 0},
		{Size, 3, 3, Size - 3, Size + 2, 3, int(Size-oldest) - 3},
	} {
		s := tail.Around(c.seq, nil, c.above, c.below)
		first, last := seqs(s.Events)
		if first != c.first || last != c.last || s.At != c.at || s.Before != c.before || s.Matched != Size {
			t.Errorf("around %d: %d–%d at %d, %d before, %d match; want %d–%d at %d, %d before", c.seq, first, last,
				s.At, s.Before, s.Matched, c.first, c.last, c.at, c.before)
		}
	}
	odd := tail.Around(n, func(e *monitor.Event) bool { return e.Seq%2 == 1 }, 2, 2)
	if odd.Matched != Size/2 || len(odd.Events) != 2 || odd.Events[1].Seq != n-1 {
		t.Errorf("odd ones: %d match, %d events", odd.Matched, len(odd.Events))
	}
}

// What an event points to belongs to the batch: the tail has copies.
func TestTailCopies(t *testing.T) {
	tail := New()
	b := tailBatch(1, 2)
	b.Events[0].Extra = &monitor.Extra{Helper: []byte("ftp")}
	b.Events[0].Raw = []byte("raw")
	b.Events[1].Kind, b.Events[1].Gap = monitor.KindLost, &monitor.Gap{Count: 5}
	if err := tail.Write(b); err != nil {
		t.Fatal(err)
	}
	b.Events[0].Extra.Helper[0] = 'x'
	b.Events[1].Gap.Count = 9
	s := tail.Around(0, nil, 0, 2)
	if string(s.Events[0].Extra.Helper) != "ftp" || s.Events[0].Raw != nil || s.Events[1].Gap.Count != 5 {
		t.Errorf("%+v", s.Events)
	}
	if c := tail.Counts(); c.Lost != 5 || c.LostAt != 2 {
		t.Errorf("%+v", c)
	}
}

func TestTailWriteAllocatesNothing(t *testing.T) {
	tail := New()
	b := tailBatch(1, 1000)
	for range Size / 1000 {
		_ = tail.Write(b)
	}
	if n := testing.AllocsPerRun(50, func() { _ = tail.Write(b) }); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

// file keeps what a recording wrote.
type file struct {
	events []monitor.Event
	closed int
	err    error
}

func (f *file) Write(b *monitor.Batch) error {
	f.events = append(f.events, b.Events...)
	return f.err
}

func (f *file) Close() error { f.closed++; return nil }

// A recording that fails ends by itself and keeps the error; the stream goes on.
func TestTailRecordingFails(t *testing.T) {
	tail, f := New(), &file{err: errors.New("disk full")}
	tail.Record(f, nil)
	for range 2 {
		if err := tail.Write(tailBatch(1, 3)); err != nil {
			t.Fatal(err)
		}
	}
	if _, on, failed := tail.Recording(); !on || failed == nil || len(f.events) != 3 {
		t.Errorf("on %v, failed %v, %d events", on, failed, len(f.events))
	}
	if _, err := tail.StopRecording(); err == nil || f.closed != 1 {
		t.Errorf("error %v, closed %d", err, f.closed)
	}
	if n, err := tail.StopRecording(); n != 0 || err != nil || f.closed != 1 {
		t.Error("ended twice")
	}
}

// slowSink writes when it is let.
type slowSink struct{ begun, let chan struct{} }

func (s slowSink) Write(*monitor.Batch) error {
	close(s.begun)
	<-s.let
	return nil
}

func (s slowSink) Close() error { return nil }

// TestSlowRecording reads a tail while its recording waits for the disk: the screen
// goes on, and has the events already.
func TestSlowRecording(t *testing.T) {
	tail, sink := New(), slowSink{make(chan struct{}), make(chan struct{})}
	tail.Record(sink, nil)
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		_ = tail.Write(tailBatch(1, 3))
	}()
	<-sink.begun
	done := make(chan struct{})
	go func() {
		defer close(done)
		if n, on, failed := tail.Recording(); n != 3 || !on || failed != nil {
			t.Errorf("%d recorded, on %v, %v", n, on, failed)
		}
		if s := tail.Around(3, nil, 5, 5); len(s.Events) != 3 || tail.Counts().Kept != 3 {
			t.Errorf("%d events of %d", len(s.Events), tail.Counts().Kept)
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("a reader waits for the disk")
	}
	close(sink.let)
	<-done
	<-wrote
	if n, err := tail.StopRecording(); n != 3 || err != nil {
		t.Errorf("%d events, %v", n, err)
	}
}
