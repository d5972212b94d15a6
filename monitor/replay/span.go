package replay

import (
	"bytes"
	"cmp"
	"context"
	"io"

	"natlens/monitor"
)

// Span returns the time of the first event and the latest time of any event, 0 if no
// event has a time. Of plain JSON lines it reads both ends only, of other recordings
// everything.
func (r *Recording) Span() (start, finish monitor.Time, err error) {
	if r.once {
		return 0, 0, ErrOnce
	}
	quiet := *r
	quiet.cfg.Locals = nil
	src, err := quiet.Open()
	if err != nil {
		return 0, 0, err
	}
	defer src.Close()
	whole := !src.format.Lines
	for b, err := range monitor.Batches(context.Background(), src) {
		if err != nil {
			return 0, 0, err
		}
		for i := range b.Events {
			start = cmp.Or(start, b.Events[i].Time)
			finish = max(finish, b.Events[i].Time)
		}
		if whole || start == 0 {
			continue
		}
		whole = true
		if tail, ok := quiet.tail(src.format); ok {
			if _, last, err := tail.Span(); err == nil && last != 0 {
				return start, max(finish, last), nil
			}
		}
	}
	return start, finish, nil
}

// tailSize is how much of the end of a file is searched for its latest time.
const tailSize = 1 << 20

// tail returns the last lines of the last file as a recording. It returns false if the
// file is short, packed or cannot be read from its end.
func (r *Recording) tail(format *Format) (*Recording, bool) {
	last := &r.parts[len(r.parts)-1]
	file, err := last.open()
	if err != nil {
		return nil, false
	}
	defer file.Close()
	seeker, ok := file.(io.Seeker)
	head := make([]byte, 4)
	if _, err := io.ReadFull(file, head); !ok || err != nil || !format.Begins(head) {
		return nil, false
	}
	if size, err := seeker.Seek(0, io.SeekEnd); err != nil || size <= tailSize {
		return nil, false
	}
	if _, err := seeker.Seek(-tailSize, io.SeekEnd); err != nil {
		return nil, false
	}
	text, err := io.ReadAll(io.LimitReader(file, tailSize))
	_, text, _ = bytes.Cut(text, []byte("\n")) // the first line is not whole
	return Bytes(r.cfg, last.name, text), err == nil
}
