package tail

import (
	"sync"
	"sync/atomic"

	"natlens/monitor"
)

// recording hands events on to a sink. mu is held while the sink writes, which may take long on
// a slow disk; what the screen shows of it needs no lock.
type recording struct {
	mu      sync.Mutex
	sink    monitor.Sink
	wants   monitor.Filter
	scratch monitor.Batch

	written atomic.Uint64
	failed  atomic.Pointer[error]
}

// Record hands all events from now on that the filter wants to the sink. A slow sink
// delays the events, but no reader of the tail; nothing is dropped.
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

// write passes the events that are wanted on until the sink fails. It leaves the batch as it is,
// which belongs to the other sinks too.
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
