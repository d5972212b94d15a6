package replay

import (
	"errors"
	"fmt"

	"natlens/monitor"
)

// Stats are a recording's counters, as far as it has been read.
type Stats struct {
	Events uint64 // events read; losses that stand in the recording are among them
	Bad    uint64 // lines, blocks and messages that could not be read
	First  error  // the first of them and where it stands, an [*Error]; nil: none
	Cut    error  // where a recording ends in the middle of a line or block, an [*Error]; nil: it ends well

	Foreign uint64 // captures: messages about other things than flows, passed over
	Doubles uint64 // captures of others: the same message for a second listener, passed over
}

// Error says where in a recording something could not be read.
type Error struct {
	Name   string // of the recording
	What   string // line, block or packet
	Number uint64 // of the line, block or packet, from 1
	Offset int64  // of its first byte in the recording, unpacked, from 0
	Err    error
}

// Error returns one line.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s %d at byte %d: %v", e.Name, e.What, e.Number, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrCut means that a line, block or message is not whole.
var ErrCut = errors.New("ends in the middle")

// Faults counts what cannot be read, and puts an event of KindLost in its place.
type Faults struct {
	name    string
	Stats   Stats
	pending uint64       // unreadable since the last event
	last    monitor.Time // of the last event that had one
}

func (f *Faults) At(what string, number uint64, offset int64, err error) *Error {
	return &Error{f.name, what, number, offset, err}
}

// Bad notes that something could not be read.
func (f *Faults) Bad(what string, number uint64, offset int64, err error) {
	f.pending++
	f.Stats.Bad++
	if f.Stats.First == nil {
		f.Stats.First = f.At(what, number, offset, err)
	}
}

// Cut notes that the recording ends in the middle.
func (f *Faults) Cut(what string, number uint64, offset int64) {
	f.Stats.Cut = f.At(what, number, offset, ErrCut)
}

// Good notes that the last event of the batch was read. What could not be read
// before it becomes an event in front of it.
func (f *Faults) Good(b *monitor.Batch) {
	f.Stats.Events++
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

// End tells at the end of the recording what could not be read since the last
// event.
func (f *Faults) End(b *monitor.Batch) {
	if f.pending > 0 {
		f.lost(b, 0)
	}
}

// lost appends what is missing between the last event and the next one. How many
// events were there is not known: a line may have been none, or two.
func (f *Faults) lost(b *monitor.Batch, next monitor.Time) {
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
