package jsonl

import (
	"bytes"
	"errors"
	"io"

	"natlens/monitor"
	"natlens/monitor/replay"
)

// Format reads JSON lines as docs/json.md specifies them. An empty recording is one
// of them.
var Format = replay.Format{
	Begins: func(head []byte) bool {
		text := bytes.TrimLeft(head, " \t\r\n")
		return len(text) == 0 || text[0] == '{'
	},
	Open: func(w *replay.Window, f *replay.Faults, cfg *replay.Config) replay.Reader {
		return &reader{w: w, f: f, d: Decoder{names: cfg.Namespaces}}
	},
	Remembers: true,
	Lines:     true,
}

// reader reads a recording of JSON lines.
type reader struct {
	w      *replay.Window
	d      Decoder
	number uint64 // of the line at hand, from 1
	long   bool   // in the middle of a line that is too long
	f      *replay.Faults
}

// Next appends events to the empty batch, up to [monitor.BatchSize]. They point
// into the window, which is therefore moved on only between two calls or while
// the batch is empty.
func (l *reader) Next(b *monitor.Batch) error {
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
		case l.w.Fill():
		case l.w.Err == replay.ErrTooLong:
			if !l.long {
				l.f.Bad("line", l.number+1, l.w.Offset, replay.ErrTooLong)
			}
			l.long = true
			l.w.Take(len(l.w.Unread()))
		default:
			return l.last(b)
		}
	}
}

// line takes the next whole line, without its end.
func (l *reader) line() ([]byte, bool) {
	for {
		n := bytes.IndexByte(l.w.Unread(), '\n')
		if n < 0 {
			return nil, false
		}
		line := l.w.Take(n + 1)[:n]
		l.number++
		if !l.long {
			return line, true
		}
		l.long = false // this was the end of the long one
	}
}

// decode turns a line into an event, or notes that it could not. Only a line of a
// later version is an error: what it means is not known.
func (l *reader) decode(line []byte, b *monitor.Batch) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	offset := l.w.Offset - int64(len(line)) - 1
	err := l.d.Decode(line, b)
	if errors.Is(err, errFinding) {
		return nil
	}
	if _, later := errors.AsType[VersionError](err); later {
		return l.f.At("line", l.number, offset, err)
	}
	if err != nil {
		l.f.Bad("line", l.number, offset, err)
		return nil
	}
	l.f.Good(b)
	return nil
}

// last decodes what stands behind the last line end. Only a whole line has one:
// what cannot be read there is where the recording was cut off.
func (l *reader) last(b *monitor.Batch) error {
	if err := l.w.Err; !errors.Is(err, io.EOF) && !replay.Cut(err) {
		return l.f.At("line", l.number+1, l.w.Offset, err)
	}
	rest, offset := l.w.Unread(), l.w.Offset
	l.w.Take(len(rest))
	whole := len(bytes.TrimSpace(rest)) == 0 && !l.long
	if !whole && !l.long {
		switch err := l.d.Decode(rest, b); {
		case err == nil:
			l.f.Good(b)
			whole = true
		case errors.Is(err, errFinding):
			whole = true
		}
	}
	if !whole || replay.Cut(l.w.Err) {
		l.f.Cut("line", l.number+1, offset)
	}
	l.f.End(b)
	return io.EOF
}
