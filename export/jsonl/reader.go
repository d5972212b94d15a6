package jsonl

import (
	"bytes"
	"errors"

	"natlens/monitor"
	"natlens/monitor/replay"
)

// Format reads JSON lines as docs/json.md specifies them. An empty file has this format.
var Format = replay.Format{
	Begins: func(head []byte) bool {
		text := bytes.TrimLeft(head, " \t\r\n")
		return len(text) == 0 || text[0] == '{'
	},
	Open: func(in *replay.Input, cfg *replay.Config) replay.Step {
		in.What = "line"
		r := &reader{in: in, d: Decoder{names: cfg.Namespaces}}
		return r.step
	},
	Remembers: true,
	Lines:     true,
}

type reader struct {
	in   *replay.Input
	d    Decoder
	long bool // in the middle of a line that is too long
}

// step reads one line. Only a line of a later version is an error, because its meaning is
// unknown.
func (r *reader) step(b *monitor.Batch) (bool, error) {
	text := r.in.Unread()
	n := bytes.IndexByte(text, '\n')
	switch {
	case n < 0 && r.in.Ended():
		return r.last(text, b), nil
	case n < 0 && len(text) < replay.MaxRecord:
		return false, nil
	case r.long:
		r.long = n < 0
		if n < 0 {
			n = len(text) - 1
		}
		r.in.Skip(n + 1)
		return true, nil
	case n < 0:
		r.in.Take(len(text))
		r.in.Bad(replay.ErrTooLong)
		r.long = true
		return true, nil
	}
	err := r.decode(r.in.Take(n + 1)[:n], b)
	if _, later := errors.AsType[VersionError](err); later {
		return true, r.in.Error(err)
	}
	if err != nil {
		r.in.Bad(err)
	}
	return true, nil
}

func (r *reader) decode(text []byte, b *monitor.Batch) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	switch err := r.d.Decode(text, b); {
	case errors.Is(err, errFinding):
		return nil
	case err != nil:
		return err
	}
	r.in.Good(b)
	return nil
}

// last reads the text after the last line end. If it cannot be read, the recording was cut off
// there.
func (r *reader) last(text []byte, b *monitor.Batch) bool {
	switch {
	case r.long:
		r.in.Cut()
	case len(text) > 0 && r.decode(text, b) == nil:
		r.in.Take(len(text))
		return true
	}
	return false
}
