package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"natlens/monitor"
)

// Source reads a [Recording] from its beginning to its end. It implements
// [monitor.Source]: what Next gives is good until the next call of Next.
type Source struct {
	rec  *Recording
	part int // the next one to open
	r    Reader
	form *Format // of the part at hand
	f    Faults
	done error // what Next returns from now on

	mu     sync.Mutex
	file   io.Closer // the part that is open; nil: none
	closed bool
}

// errClosed is what Next returns after Close.
var errClosed = errors.New("replay: the source is closed")

// Next appends the next events to the batch. It returns io.EOF at the end of the
// recording; what stood there in the middle of a line or block is told by
// [Source.Stats].
func (s *Source) Next(ctx context.Context, b *monitor.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.done != nil {
		return s.done
	}
	defer context.AfterFunc(ctx, func() { s.Close() })()
	for {
		err := s.r.Next(b)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			s.done = ctx.Err()
			return s.done
		case s.isClosed():
			s.done = errClosed
			return s.done
		case !errors.Is(err, io.EOF):
			s.done = err
			return err
		}
		if s.part == len(s.rec.parts) {
			s.done = io.EOF
			return io.EOF
		}
		if err := s.nextPart(); err != nil {
			s.done = err
			return err
		}
		if len(b.Events) > 0 {
			return nil
		}
	}
}

// Stats tells what has been read so far. It must not be called while Next runs.
func (s *Source) Stats() Stats { return s.f.Stats }

// Remembers reports whether the recording bears what its writer remembered of
// each flow (JSON lines do), so that its events are whole without a table.
func (s *Source) Remembers() bool {
	return s.form.Remembers
}

// Close ends the source.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.closeLocked()
}

func (s *Source) closeLocked() (err error) {
	if s.file != nil {
		err = s.file.Close()
	}
	s.file = nil
	return err
}

func (s *Source) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// nextPart opens the next file of the recording.
func (s *Source) nextPart() error {
	p := &s.rec.parts[s.part]
	s.part++
	file, err := p.open()
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.closeLocked() // it was read to its end
	s.file = file
	if s.closed {
		_ = s.closeLocked()
		return errClosed
	}
	s.f.name = p.name
	in, err := s.rec.cfg.unpack(file)
	if err == nil {
		w := newWindow(in)
		if s.form, err = s.rec.cfg.detect(w); err == nil {
			s.r = s.form.Open(w, &s.f, &s.rec.cfg)
		}
	}
	if err != nil {
		_ = s.closeLocked()
		return fmt.Errorf("recording %s: %w", p.name, err)
	}
	return nil
}
