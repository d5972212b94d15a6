package tail

import (
	"sync"
	"sync/atomic"

	"natlens/monitor"
)

// recording hands the events of a Tail on to a sink. mu is held while the sink writes,
// which may take long on a slow disk; what the screen shows of it needs no lock.
type recording struct {
	mu      sync.Mutex
	sink    monitor.Sink // or nil
	wants   monitor.Filter
	scratch monitor.Batch

	on      atomic.Bool
	written atomic.Uint64
	failed  atomic.Pointer[error]
}

// Record hands all events from now on that the filter wants to the sink. A slow sink
// delays the events, but no reader of the tail; nothing is dropped.
func (t *Tail) Record(s monitor.Sink, wants monitor.Filter) {
	r := &t.recording
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sink, r.wants = s, wants
	r.written.Store(0)
	r.failed.Store(nil)
	r.on.Store(true)
}

// StopRecording ends the recording and closes its sink. It returns the number of events
// written, and the first error.
func (t *Tail) StopRecording() (uint64, error) {
	r := &t.recording
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sink == nil {
		return 0, nil
	}
	err := r.error()
	if cerr := r.sink.Close(); err == nil {
		err = cerr
	}
	r.sink = nil
	r.on.Store(false)
	return r.written.Load(), err
}

// Recording returns how many events the recording has, and the error that ended it.
func (t *Tail) Recording() (written uint64, on bool, failed error) {
	r := &t.recording
	return r.written.Load(), r.on.Load(), r.error()
}

func (r *recording) error() error {
	if err := r.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// write passes a batch on until the sink fails.
func (r *recording) write(b *monitor.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sink == nil || r.failed.Load() != nil {
		return
	}
	if err := r.pass(b); err != nil {
		r.failed.Store(&err)
	}
}

// pass writes the events that are wanted. It leaves the batch as it is, which belongs to
// the other sinks too.
func (r *recording) pass(b *monitor.Batch) error {
	r.scratch.Reset()
	for i := range b.Events {
		e := &b.Events[i]
		if r.wants == nil || !e.Kind.HasFlow() || r.wants(e) {
			*r.scratch.Add() = *e
		}
	}
	if len(r.scratch.Events) == 0 {
		return nil
	}
	r.written.Add(uint64(len(r.scratch.Events)))
	return r.sink.Write(&r.scratch)
}
