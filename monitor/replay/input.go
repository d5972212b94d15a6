package replay

import (
	"errors"
	"fmt"
	"io"

	"natlens/monitor"
)

// Input is one file of a recording while its format reads it, one record after the
// other: lines, blocks or packets. It has a piece of the file in memory:
//
//	[ ····taken···· │ ····unread···· │ ····free···· ]
//	                from             to
type Input struct {
	// What the format calls a record in errors: line, block or packet.
	What string

	r        io.Reader
	buf      []byte
	from, to int
	offset   int64 // of buf[from] in the unpacked file
	err      error // what ended the reading; io.EOF at the end

	number uint64 // of the record taken last, from 1
	start  int64  // its offset
	faults *faults
	fail   error
	ended  bool // there is nothing behind Unread
}

// Step reads one record of an [Input] and appends its events to b. It returns false if
// Unread does not contain a whole record. An error ends the reading, after the events
// in b. Events may point into the record until the batch is reset.
type Step func(b *monitor.Batch) (more bool, err error)

const (
	inputSize = 256 << 10

	// MaxRecord is how long a line, block or packet may be, in bytes.
	MaxRecord = 4 << 20
)

var (
	// ErrTooLong means that a record is longer than [MaxRecord].
	ErrTooLong = fmt.Errorf("longer than %d MiB", MaxRecord>>20)

	// ErrCut means that a record is not whole.
	ErrCut = errors.New("ends in the middle")
)

func newInput(r io.Reader, f *faults) *Input {
	return &Input{r: r, buf: make([]byte, inputSize), faults: f}
}

// Unread returns what is in memory and was not taken. It has [MaxRecord] bytes or more
// before a step returns false for good.
func (in *Input) Unread() []byte { return in.buf[in.from:in.to] }

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
	b := in.buf[in.from : in.from+n : in.from+n]
	in.from += n
	in.offset += int64(n)
	return b
}

// Good counts the last event of the batch as read.
func (in *Input) Good(b *monitor.Batch) { in.faults.good(b) }

// Bad counts the record taken last as unreadable. Reading goes on.
func (in *Input) Bad(err error) { in.faults.bad(in.Error(err)) }

// Error returns err with the place of the record taken last.
func (in *Input) Error(err error) *Error {
	return &Error{in.faults.name, in.What, in.number, in.start, err}
}

// NextError returns err with the place of the record that Unread begins with.
func (in *Input) NextError(err error) *Error {
	return &Error{in.faults.name, in.What, in.number + 1, in.offset, err}
}

// Cut notes that the file ends in the middle of a record.
func (in *Input) Cut() { in.faults.stats.Cut = in.NextError(ErrCut) }

// Foreign counts a message about something else than a flow.
func (in *Input) Foreign() { in.faults.stats.Foreign++ }

// Double counts a second copy of a message.
func (in *Input) Double() { in.faults.stats.Doubles++ }

// read appends events to the empty batch, as [monitor.Source] does.
func (in *Input) read(b *monitor.Batch, step Step) error {
	for in.fail == nil {
		for more := true; more && in.fail == nil && len(b.Events) < monitor.BatchSize; {
			more, in.fail = step(b)
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
	in.faults.end(b)
	return io.EOF
}

// fill reads more and overwrites what was taken. It returns false if there is nothing
// more to read.
func (in *Input) fill() bool {
	if in.err != nil {
		return false
	}
	if in.from > 0 {
		copy(in.buf, in.buf[in.from:in.to])
		in.from, in.to = 0, in.to-in.from
	}
	if in.to == len(in.buf) {
		if len(in.buf) >= MaxRecord {
			in.err = ErrTooLong
			return false
		}
		in.buf = append(in.buf, make([]byte, len(in.buf))...)
	}
	n, err := in.r.Read(in.buf[in.to:])
	in.to += n
	in.err = err
	return n > 0 || err == nil
}

// cut reports whether a reading error means that the file ends too early, as one does
// whose writer was killed.
func cut(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
