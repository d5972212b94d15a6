package replay

import (
	"errors"
	"fmt"
	"io"
)

// Window is a piece of a recording in memory. What take returns stays in place
// until the next fill, so that events may point into it.
//
//	     buf  [ ····taken···· │ ····unread···· │ ····free···· ]
//	                          from             to
//	offset is where in the (unpacked) recording buf[from] stands.
type Window struct {
	r        io.Reader
	buf      []byte
	from, to int
	Offset   int64
	Err      error // what ended the reading; io.EOF at the end
}

const (
	windowSize = 256 << 10
	WindowMax  = 4 << 20 // no line and no block may be longer
)

// ErrTooLong says that a line or block does not fit in a window.
var ErrTooLong = fmt.Errorf("longer than %d MiB", WindowMax>>20)

func newWindow(r io.Reader) *Window { return &Window{r: r, buf: make([]byte, windowSize)} }

// Unread returns what has been read and not taken.
func (w *Window) Unread() []byte { return w.buf[w.from:w.to] }

// Take goes over n bytes and returns them; no more than unread has.
func (w *Window) Take(n int) []byte {
	b := w.buf[w.from : w.from+n : w.from+n]
	w.from += n
	w.Offset += int64(n)
	return b
}

// Fill reads more. What was taken before is overwritten. It returns false if
// there is nothing more to read (err says why) or the window is full (err is
// errTooLong, and stays so only until something is taken).
func (w *Window) Fill() bool {
	if w.Err != nil && w.Err != ErrTooLong {
		return false
	}
	w.Err = nil
	if w.from > 0 {
		copy(w.buf, w.buf[w.from:w.to])
		w.from, w.to = 0, w.to-w.from
	}
	if w.to == len(w.buf) {
		if len(w.buf) >= WindowMax {
			w.Err = ErrTooLong
			return false
		}
		w.buf = append(w.buf, make([]byte, len(w.buf))...)
	}
	n, err := w.r.Read(w.buf[w.to:])
	w.to += n
	if err != nil {
		w.Err = err
	}
	return n > 0 || err == nil
}

// Cut reports whether a reading error means that the recording ends too early,
// as one does whose writer was killed.
func Cut(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
