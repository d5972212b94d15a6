package annotate

import (
	"sync"
	"time"

	"natlens/monitor"
)

// Known has the Local of flows, by namespace and original tuple. An ended flow keeps it for some
// seconds. The zero value is ready to use. Its methods may be called from several goroutines.
type Known struct {
	mu    sync.Mutex
	of    map[monitor.Tuple]*monitor.Local
	ended []endedFlow
}

// endedFlow is a flow whose Local is kept until due.
type endedFlow struct {
	orig monitor.Tuple
	was  *monitor.Local
	due  monitor.Time // when its Local is dropped
}

// showFor is how long an ended flow keeps its Local.
const showFor = monitor.Time(10 * time.Second)

// Of returns the Local of a flow, or nil.
func (k *Known) Of(f *monitor.Flow) *monitor.Local {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.of[f.Orig]
}

// Batch remembers what the events of a recording have, and sets it in later events of the same
// flow that do not have it.
func (k *Known) Batch(b *monitor.Batch) {
	for i := range b.Events {
		if e := &b.Events[i]; e.Kind.HasFlow() {
			k.follow(e, e.Time)
		}
	}
}

// follow sets Local of an event from what is known of its flow, or remembers the event's. now is
// the time for ended flows.
func (k *Known) follow(e *monitor.Event, now monitor.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.ended) > 0 && k.ended[0].due < now {
		if old := k.ended[0]; k.of[old.orig] == old.was {
			delete(k.of, old.orig)
		}
		k.ended = k.ended[1:]
	}
	if e.Kind == monitor.KindNew { // an earlier flow may have had the same tuple
		delete(k.of, e.Flow.Orig)
	}
	if e.Local != nil {
		k.put(e.Flow.Orig, e.Local)
	}
	e.Local = k.of[e.Flow.Orig]
	if e.Kind == monitor.KindDestroy && e.Local != nil {
		k.ended = append(k.ended, endedFlow{e.Flow.Orig, e.Local, now + showFor})
	}
}

// limit drops everything if more than max flows are known.
func (k *Known) limit(max int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.of) > max {
		clear(k.of)
	}
}

// set remembers the Local of a flow.
func (k *Known) set(orig monitor.Tuple, l *monitor.Local) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put(orig, l)
}

// put is set for a caller that holds k.mu.
func (k *Known) put(orig monitor.Tuple, l *monitor.Local) {
	if k.of == nil {
		k.of = map[monitor.Tuple]*monitor.Local{}
	}
	k.of[orig] = l
}

// Clear drops all.
func (k *Known) Clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.of)
	k.ended = nil
}
