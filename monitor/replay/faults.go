package replay

import (
	"fmt"

	"natlens/monitor"
)

// Stats are the counters of a recording, as far as it has been read.
type Stats struct {
	Events uint64 // events read, recorded losses included
	Bad    uint64 // lines, blocks and messages that could not be read
	First  error  // the first of them, an [*Error]; nil: none
	Cut    error  // where the recording ends in the middle of a line or block, an [*Error]; nil: it does not

	Foreign uint64 // captures: messages about other things than flows, skipped
	Doubles uint64 // captures of others: copies of a message for a second listener, skipped
}

// Error is a place in a recording that could not be read.
type Error struct {
	Name   string // of the file
	What   string // line, block or packet
	Number uint64 // of the line, block or packet, from 1
	Offset int64  // of its first byte in the unpacked file
	Err    error
}

// Error returns one line. The name is not escaped.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s %d at byte %d: %v", e.Name, e.What, e.Number, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// faults counts what cannot be read, and puts an event of KindLost in its place.
type faults struct {
	name    string
	stats   Stats
	pending uint64       // unreadable since the last event
	last    monitor.Time // of the last event that had one
}

// bad counts something that could not be read.
func (f *faults) bad(err *Error) {
	f.pending++
	f.stats.Bad++
	if f.stats.First == nil {
		f.stats.First = err
	}
}

// good counts the last event of the batch. What could not be read before it becomes an
// event in front of it.
func (f *faults) good(b *monitor.Batch) {
	f.stats.Events++
	e := &b.Events[len(b.Events)-1]
	if f.pending > 0 {
		read := *e
		b.Drop()
		f.lost(b, read.Time)
		*b.Add() = read
		e = &read
	}
	if e.Time != 0 {
		f.last = e.Time
	}
}

// end appends what could not be read since the last event.
func (f *faults) end(b *monitor.Batch) {
	if f.pending > 0 {
		f.lost(b, 0)
	}
}

// lost appends what is missing between the last event and the next one. The number of
// events is not known: a line may have been none, or two.
func (f *faults) lost(b *monitor.Batch, next monitor.Time) {
	e := b.Add()
	e.Kind, e.Time = monitor.KindLost, f.last
	if next != 0 {
		e.Time = next
	}
	if e.Time != 0 {
		e.TimeSource = monitor.TimeReceived
	}
	e.Gap = &monitor.Gap{Count: f.pending, Uncertain: true, From: f.last, To: next}
	f.pending = 0
}
