package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"natlens/monitor"
)

// Stats are the counters of a recording, as far as it has been read.
type Stats struct {
	Events uint64 // events read, recorded losses included
	Bad    uint64 // lines, blocks and messages that could not be read
	First  error  // the first of them, an [*Error]; nil: none
	Cut    error  // where the recording ends in the middle of a line or block, an [*Error]; nil: it does not
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

// MaxRecord is how long a line, block or packet may be, in bytes.
const MaxRecord = 1 << 20

var (
	// ErrTooLong means that a record is longer than [MaxRecord].
	ErrTooLong = fmt.Errorf("longer than %d MiB", MaxRecord>>20)

	// ErrCut means that a record is not whole.
	ErrCut = errors.New("ends in the middle")
)

// Step reads one record of an [Input] and appends its events to b. It returns false if
// Unread does not contain a whole record. An error ends the reading, after the events
// in b. Events may point into the record until the batch is reset.
type Step func(b *monitor.Batch) (more bool, err error)

// Input is the file of a recording that is being read, one record after the other: lines,
// blocks or packets. What cannot be read is counted, and becomes an event of KindLost in
// its place.
type Input struct {
	What  string // what the format calls a record in errors: line, block or packet
	Stats Stats  // of all files

	name   string
	r      *bufio.Reader
	step   Step
	offset int64  // of Unread in the unpacked file
	number uint64 // of the record taken last, from 1
	start  int64  // its offset
	err    error  // what ended r; io.EOF at the end
	ended  bool   // there is nothing behind Unread
	fail   error  // what read returns from now on

	pending uint64       // unreadable since the last event
	last    monitor.Time // of the last event that had one
}

// open begins the next file.
func (in *Input) open(name string, r io.Reader) {
	*in = Input{name: name, r: bufio.NewReaderSize(r, MaxRecord), Stats: in.Stats, pending: in.pending, last: in.last}
}

// Unread returns what is in memory and was not taken. It has [MaxRecord] bytes before a
// step returns false for good.
func (in *Input) Unread() []byte {
	b, _ := in.r.Peek(in.r.Buffered())
	return b
}

// Ended reports whether the file has nothing behind Unread.
func (in *Input) Ended() bool { return in.ended }

// Take returns the first n bytes of Unread, which are the next record. They stay in
// place until the batch is reset.
func (in *Input) Take(n int) []byte {
	in.number++
	in.start = in.offset
	return in.Skip(n)
}

// Skip is Take of bytes that are no record of their own.
func (in *Input) Skip(n int) []byte {
	b, _ := in.r.Peek(n)
	_, _ = in.r.Discard(n)
	in.offset += int64(n)
	return b[:n:n]
}

// Good counts the last event of the batch as read. What could not be read before it
// becomes an event in front of it.
func (in *Input) Good(b *monitor.Batch) {
	in.Stats.Events++
	read := b.Events[len(b.Events)-1]
	if in.pending > 0 {
		b.Drop()
		in.lost(b, read.Time)
		*b.Add() = read
	}
	if read.Time != 0 {
		in.last = read.Time
	}
}

// Bad counts the record taken last as unreadable. Reading goes on.
func (in *Input) Bad(err error) {
	in.pending++
	in.Stats.Bad++
	if in.Stats.First == nil {
		in.Stats.First = in.Error(err)
	}
}

// Error returns err with the place of the record taken last.
func (in *Input) Error(err error) *Error { return &Error{in.name, in.What, in.number, in.start, err} }

// NextError returns err with the place of the record that Unread begins with.
func (in *Input) NextError(err error) *Error {
	return &Error{in.name, in.What, in.number + 1, in.offset, err}
}

// Cut notes that the file ends in the middle of a record.
func (in *Input) Cut() { in.Stats.Cut = in.NextError(ErrCut) }

// lost appends what is missing between the last event and the next one. The number of
// events is not known: a line may have been none, or two.
func (in *Input) lost(b *monitor.Batch, next monitor.Time) {
	e := b.Add()
	e.Kind, e.Time = monitor.KindLost, in.last
	if next != 0 {
		e.Time = next
	}
	if e.Time != 0 {
		e.TimeSource = monitor.TimeReceived
	}
	e.Gap = &monitor.Gap{Count: in.pending, Uncertain: true, From: in.last, To: next}
	in.pending = 0
}

// read appends events to the empty batch, as [monitor.Source] does.
func (in *Input) read(b *monitor.Batch) error {
	for in.fail == nil {
		for more := true; more && in.fail == nil && len(b.Events) < monitor.BatchSize; {
			more, in.fail = in.step(b)
		}
		switch {
		case len(b.Events) > 0:
			return nil
		case in.fail != nil, in.fill():
		case !in.ended:
			in.ended = true
		default:
			in.fail = in.end(b)
		}
	}
	return in.fail
}

// end checks what follows the last record.
func (in *Input) end(b *monitor.Batch) error {
	if !errors.Is(in.err, io.EOF) && !cut(in.err) {
		return in.NextError(in.err)
	}
	if len(in.Unread()) > 0 || cut(in.err) {
		in.Cut()
	}
	if in.pending > 0 {
		in.lost(b, 0)
	}
	return io.EOF
}

// fill reads more, which may overwrite what was taken. It returns false if there is
// nothing more to read.
func (in *Input) fill() bool {
	if in.err == nil {
		_, in.err = in.r.Peek(in.r.Buffered() + 1)
	}
	if errors.Is(in.err, bufio.ErrBufferFull) {
		in.err = ErrTooLong
	}
	return in.err == nil
}

// cut reports whether a reading error means that the file ends too early, as one does
// whose writer was killed.
func cut(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
