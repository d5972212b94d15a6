package replay

import (
	"bytes"
	"context"
	"errors"
	"io"

	"natlens/monitor"
)

// Span returns the time of the first event and the latest time of any event, 0 if no
// event has a time. Of plain JSON lines it reads both ends only, of other recordings
// everything.
func (r *Recording) Span() (start, finish monitor.Time, err error) {
	quiet := *r
	quiet.cfg.Locals = nil
	src, err := quiet.Open()
	if err != nil {
		return 0, 0, err
	}
	defer src.Close()
	quick := true
	for b, err := range monitor.Batches(context.Background(), src) {
		if err != nil {
			return 0, 0, err
		}
		for i := range b.Events {
			t := b.Events[i].Time
			if start == 0 {
				start = t
			}
			finish = max(finish, t)
		}
		if start == 0 || !quick {
			continue
		}
		quick = false
		if last, ok := r.lastTime(src); ok {
			return start, max(finish, last), nil
		}
	}
	return start, finish, nil
}

// tailSize is how much of the end of a file is searched for its latest time.
const tailSize = 1 << 20

// lastTime reads the latest time at the end of the last file. It returns false if
// reading cannot begin there.
func (r *Recording) lastTime(src *Source) (last monitor.Time, ok bool) {
	if !src.format.Lines {
		return 0, false
	}
	file, err := r.parts[len(r.parts)-1].open()
	if err != nil {
		return 0, false
	}
	defer file.Close()
	seeker, ok := file.(io.Seeker)
	var head [4]byte
	if _, err := io.ReadFull(file, head[:]); !ok || err != nil || !src.format.Begins(head[:]) {
		return 0, false
	}
	size, err := seeker.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = seeker.Seek(max(0, size-tailSize), io.SeekStart)
	}
	if err != nil {
		return 0, false
	}
	tail, err := io.ReadAll(io.LimitReader(file, tailSize))
	if err != nil {
		return 0, false
	}
	if size > tailSize {
		_, tail, _ = bytes.Cut(tail, []byte("\n")) // the first line is not whole
	}
	in := newInput(bytes.NewReader(tail), new(faults))
	step := src.format.Open(in, new(Config))
	var b monitor.Batch
	for err == nil {
		b.Reset()
		err = in.read(&b, step)
		for i := range b.Events {
			last = max(last, b.Events[i].Time)
		}
	}
	return last, errors.Is(err, io.EOF) && last != 0
}
