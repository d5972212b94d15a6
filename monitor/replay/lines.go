package replay

import (
	"bytes"
	"errors"
	"io"

	"natlens/monitor"
)

// lines reads a recording of JSON lines.
type lines struct {
	w      *window
	d      lineDecoder
	number uint64 // of the line at hand, from 1
	long   bool   // in the middle of a line that is too long
	f      *faults
}

// next appends events to the empty batch, up to [monitor.BatchSize]. They point
// into the window, which is therefore moved on only between two calls or while
// the batch is empty.
func (l *lines) next(b *monitor.Batch) error {
	for {
		for len(b.Events) < monitor.BatchSize {
			line, ok := l.line()
			if !ok {
				break
			}
			if err := l.decode(line, b); err != nil {
				return err
			}
		}
		switch {
		case len(b.Events) > 0:
			return nil
		case l.w.fill():
		case l.w.err == errTooLong:
			if !l.long {
				l.f.bad("line", l.number+1, l.w.offset, errTooLong)
			}
			l.long = true
			l.w.take(len(l.w.unread()))
		default:
			return l.last(b)
		}
	}
}

// line takes the next whole line, without its end.
func (l *lines) line() ([]byte, bool) {
	for {
		n := bytes.IndexByte(l.w.unread(), '\n')
		if n < 0 {
			return nil, false
		}
		line := l.w.take(n + 1)[:n]
		l.number++
		if !l.long {
			return line, true
		}
		l.long = false // this was the end of the long one
	}
}

// decode turns a line into an event, or notes that it could not. Only a line of a
// later version is an error: what it means is not known.
func (l *lines) decode(line []byte, b *monitor.Batch) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	offset := l.w.offset - int64(len(line)) - 1
	err := l.d.decode(line, b)
	if errors.Is(err, errFinding) {
		return nil
	}
	if _, later := errors.AsType[VersionError](err); later {
		return l.f.at("line", l.number, offset, err)
	}
	if err != nil {
		l.f.bad("line", l.number, offset, err)
		return nil
	}
	l.f.good(b)
	return nil
}

// last decodes what stands behind the last line end. Only a whole line has one:
// what cannot be read there is where the recording was cut off.
func (l *lines) last(b *monitor.Batch) error {
	if err := l.w.err; !errors.Is(err, io.EOF) && !cut(err) {
		return l.f.at("line", l.number+1, l.w.offset, err)
	}
	rest, offset := l.w.unread(), l.w.offset
	l.w.take(len(rest))
	whole := len(bytes.TrimSpace(rest)) == 0 && !l.long
	if !whole && !l.long {
		switch err := l.d.decode(rest, b); {
		case err == nil:
			l.f.good(b)
			whole = true
		case errors.Is(err, errFinding):
			whole = true
		}
	}
	if !whole || cut(l.w.err) {
		l.f.cut("line", l.number+1, offset)
	}
	l.f.end(b)
	return io.EOF
}
