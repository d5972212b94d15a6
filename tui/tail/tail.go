// Package tail stores the last events of a stream for the terminal UI, and writes events to a
// file while a recording is running.
package tail

import (
	"sync"
	"sync/atomic"

	"natlens/monitor"
)

// Size is how many events a Tail keeps.
const Size = 50_000

// Tail is the sink that keeps the last events as values. Its methods may be called from
// several goroutines.
//
//	ring  [ e50000 e50001 │ e3 e4 … e49999 ]
//	                       next: the oldest once the ring is full
type Tail struct {
	mu      sync.Mutex
	ring    []monitor.Event
	next    int
	counts  Counts
	matches []int // used by Around: positions of the matching events

	recording atomic.Pointer[recording]
}

// New returns an empty tail.
func New() *Tail { return new(Tail) }

// Clear removes the events and the losses, for a source that starts over. A recording
// continues.
func (t *Tail) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.ring) // so that their texts are freed
	t.ring, t.next, t.counts = t.ring[:0], 0, Counts{}
}

// Write stores the events of the batch. It never fails: if a recording fails, it ends, and
// StopRecording returns the error.
func (t *Tail) Write(b *monitor.Batch) error {
	t.mu.Lock()
	for i := range b.Events {
		t.keep(&b.Events[i])
	}
	t.mu.Unlock()
	if r := t.recording.Load(); r != nil {
		r.write(b)
	}
	return nil
}

func (t *Tail) keep(e *monitor.Event) {
	switch e.Kind {
	case monitor.KindNew:
		t.counts.Created++
	case monitor.KindUpdate:
		t.counts.Updated++
	case monitor.KindDestroy:
		t.counts.Destroyed++
	}
	var slot *monitor.Event
	if len(t.ring) < Size {
		t.ring = append(t.ring, *e)
		slot = &t.ring[len(t.ring)-1]
	} else {
		slot = &t.ring[t.next]
		*slot = *e
		t.next = (t.next + 1) % Size
	}
	slot.Raw = nil
	if e.Extra != nil {
		slot.Extra = e.Extra.Clone()
	}
	if e.Gap != nil {
		gap := *e.Gap
		slot.Gap = &gap
		if e.Kind == monitor.KindLost {
			t.counts.Lost, t.counts.LostAt = t.counts.Lost+gap.Count, e.Time
		}
	}
}

// Close does nothing; the caller of Record stops the recording.
func (t *Tail) Close() error { return nil }

// Counts are the numbers of events since the last Clear.
type Counts struct {
	Created, Updated, Destroyed uint64
	Lost                        uint64
	LostAt                      monitor.Time // time of the last loss
	Kept                        int          // in the tail
}

// Events returns the number of events from the kernel.
func (c Counts) Events() uint64 { return c.Created + c.Updated + c.Destroyed }

// Counts returns the counts.
func (t *Tail) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts
	c.Kept = len(t.ring)
	return c
}

// Stretch is a part of a Tail: events in the order of arrival.
type Stretch struct {
	Events  []monitor.Event
	At      int // the first event that is not before the requested one
	Before  int // matching events before Events[0]
	Matched int // matching events kept
}

// Around returns the matching events around the one with sequence number seq: up to above
// events before it, and up to below events from it on. A nil filter matches all. Extra and Gap
// of the events are shared and never change.
func (t *Tail) Around(seq uint64, wants monitor.Filter, above, below int) (s Stretch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.matches = t.matches[:0]
	for i := range t.ring {
		at := (t.next + i) % len(t.ring)
		e := &t.ring[at]
		if wants != nil && e.Kind.HasFlow() && !wants(e) {
			continue
		}
		if e.Seq < seq {
			s.Before++
		}
		t.matches = append(t.matches, at)
	}
	from, to := max(0, s.Before-above), min(len(t.matches), s.Before+below)
	s.Matched, s.At, s.Before = len(t.matches), s.Before-from, from
	s.Events = make([]monitor.Event, 0, to-from)
	for _, at := range t.matches[from:to] {
		s.Events = append(s.Events, t.ring[at])
	}
	return s
}

// recording writes events to a sink. mu is locked while the sink writes, which may take long on
// a slow disk; what the screen shows needs no lock.
type recording struct {
	mu      sync.Mutex
	sink    monitor.Sink
	wants   monitor.Filter
	scratch monitor.Batch

	written atomic.Uint64
	failed  atomic.Pointer[error]
}

// Record writes all matching events from now on to the sink. A slow sink delays the events, but
// no reader of the tail; nothing is dropped.
func (t *Tail) Record(s monitor.Sink, wants monitor.Filter) {
	t.recording.Store(&recording{sink: s, wants: wants})
}

// StopRecording ends the recording and closes its sink. It returns the number of events
// written, and the first error.
func (t *Tail) StopRecording() (uint64, error) {
	r := t.recording.Swap(nil)
	if r == nil {
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.sink.Close()
	if failed := r.failed.Load(); failed != nil {
		err = *failed
	}
	r.sink = nil
	return r.written.Load(), err
}

// Recording returns how many events the recording has, and the error that ended it.
func (t *Tail) Recording() (written uint64, on bool, failed error) {
	r := t.recording.Load()
	if r == nil {
		return 0, false, nil
	}
	if err := r.failed.Load(); err != nil {
		failed = *err
	}
	return r.written.Load(), true, failed
}

// write writes the matching events until the sink fails. It does not change the batch, which
// other sinks use too.
func (r *recording) write(b *monitor.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sink == nil || r.failed.Load() != nil {
		return
	}
	r.scratch.Reset()
	for i := range b.Events {
		e := &b.Events[i]
		if r.wants == nil || !e.Kind.HasFlow() || r.wants(e) {
			*r.scratch.Add() = *e
		}
	}
	if len(r.scratch.Events) == 0 {
		return
	}
	r.written.Add(uint64(len(r.scratch.Events)))
	if err := r.sink.Write(&r.scratch); err != nil {
		r.failed.Store(&err)
	}
}
