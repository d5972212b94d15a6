package tui

import (
	"sync"

	"natlens/monitor"
)

// TailSize is how many events a Tail keeps.
const TailSize = 50_000

// Tail is the sink that keeps the last events as values. While a recording is
// asked for, it hands events on to another sink too. Its methods may be called
// from several goroutines.
//
//	ring  [ e50000 e50001 │ e3 e4 … e49999 ]
//	                       next: the oldest once the ring is full
type Tail struct {
	mu      sync.Mutex
	ring    []monitor.Event
	next    int
	seen    uint64 // events ever written
	lost    uint64
	kinds   [monitor.KindResynced + 1]uint64 // events since the last Clear, by kind
	lossAt  monitor.Time
	matches []int // scratch of around: where the matching events stand

	recording recording
}

// NewTail returns an empty tail.
func NewTail() *Tail { return new(Tail) }

// Clear forgets the events and the losses, for a source that begins anew. A
// recording goes on.
func (t *Tail) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.ring) // texts of the events are let go
	t.ring, t.next, t.lost, t.lossAt = t.ring[:0], 0, 0, 0
	clear(t.kinds[:])
}

// Write keeps the events of the batch. It never fails: when a recording does,
// that recording ends and StopRecording tells why.
func (t *Tail) Write(b *monitor.Batch) error {
	t.keepAll(b)
	t.recording.write(b)
	return nil
}

func (t *Tail) keepAll(b *monitor.Batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range b.Events {
		t.keep(&b.Events[i])
	}
}

func (t *Tail) keep(e *monitor.Event) {
	t.seen++
	t.kinds[min(e.Kind, monitor.KindResynced)]++
	var slot *monitor.Event
	if len(t.ring) < TailSize {
		t.ring = append(t.ring, *e)
		slot = &t.ring[len(t.ring)-1]
	} else {
		slot = &t.ring[t.next]
		*slot = *e
		t.next = (t.next + 1) % TailSize
	}
	slot.Raw = nil
	if e.Extra != nil {
		slot.Extra = e.Extra.Clone()
	}
	if e.Gap != nil {
		gap := *e.Gap
		slot.Gap = &gap
		if e.Kind == monitor.KindLost {
			t.lost, t.lossAt = t.lost+gap.Count, e.Time
		}
	}
}

// Close does nothing; recordings are closed by who started them.
func (t *Tail) Close() error { return nil }

// Loss tells how many events were lost, and when last.
func (t *Tail) Loss() (lost uint64, at monitor.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lost, t.lossAt
}

// Seen returns the number of events ever written.
func (t *Tail) Seen() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}

// counts tells how many events of each kind have come, and how many were lost.
func (t *Tail) counts() kindCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return kindCounts{t.kinds[monitor.KindNew], t.kinds[monitor.KindUpdate], t.kinds[monitor.KindDestroy], t.lost}
}

// stretch is what a Tail shows of itself: events in the order of arrival.
type stretch struct {
	events  []monitor.Event
	at      int // the first event that is not before the place asked for
	before  int // matching events before events[0]
	matched int // matching events kept
}

// around returns the events that the filter wants around the one with sequence
// number seq: so many before it, and so many from it on. Extra and Gap of the
// events are shared and never change.
func (t *Tail) around(seq uint64, wants monitor.Filter, above, below int) stretch {
	t.mu.Lock()
	defer t.mu.Unlock()
	var s stretch
	t.matches = t.matches[:0]
	for i := range t.ring {
		at := (t.next + i) % len(t.ring)
		e := &t.ring[at]
		if wants != nil && e.Kind.HasFlow() && !wants(e) {
			continue
		}
		if e.Seq < seq {
			s.before++
		}
		t.matches = append(t.matches, at)
	}
	from, to := max(0, s.before-above), min(len(t.matches), s.before+below)
	s.matched, s.at, s.before = len(t.matches), s.before-from, from
	s.events = make([]monitor.Event, 0, to-from)
	for _, at := range t.matches[from:to] {
		s.events = append(s.events, t.ring[at])
	}
	return s
}
