package replay

import (
	"errors"
	"fmt"
	"io"
)

// window is a piece of a recording in memory. What take returns stays in place
// until the next fill, so that events may point into it.
//
//	     buf  [ ····taken···· │ ····unread···· │ ····free···· ]
//	                          from             to
//	offset is where in the (unpacked) recording buf[from] stands.
type window struct {
	r        io.Reader
	buf      []byte
	from, to int
	offset   int64
	err      error // what ended the reading; io.EOF at the end
}

const (
	windowSize = 256 << 10
	windowMax  = 4 << 20 // no line and no block may be longer
)

// errTooLong says that a line or block does not fit in a window.
var errTooLong = fmt.Errorf("longer than %d MiB", windowMax>>20)

func newWindow(r io.Reader) *window { return &window{r: r, buf: make([]byte, windowSize)} }

// unread returns what has been read and not taken.
func (w *window) unread() []byte { return w.buf[w.from:w.to] }

// take goes over n bytes and returns them; no more than unread has.
func (w *window) take(n int) []byte {
	b := w.buf[w.from : w.from+n : w.from+n]
	w.from += n
	w.offset += int64(n)
	return b
}

// fill reads more. What was taken before is overwritten. It returns false if
// there is nothing more to read (err says why) or the window is full (err is
// errTooLong, and stays so only until something is taken).
func (w *window) fill() bool {
	if w.err != nil && w.err != errTooLong {
		return false
	}
	w.err = nil
	if w.from > 0 {
		copy(w.buf, w.buf[w.from:w.to])
		w.from, w.to = 0, w.to-w.from
	}
	if w.to == len(w.buf) {
		if len(w.buf) >= windowMax {
			w.err = errTooLong
			return false
		}
		w.buf = append(w.buf, make([]byte, len(w.buf))...)
	}
	n, err := w.r.Read(w.buf[w.to:])
	w.to += n
	if err != nil {
		w.err = err
	}
	return n > 0 || err == nil
}

// cut reports whether a reading error means that the recording ends too early,
// as one does whose writer was killed.
func cut(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
