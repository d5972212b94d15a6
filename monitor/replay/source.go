package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"natlens/monitor"
)

// Source reads a [Recording] once, from its beginning to its end. It implements
// [monitor.Source].
type Source struct {
	rec    *Recording
	part   int // the next one to open
	in     Input
	format *Format // of the part that is open
	done   error   // what Next returns from now on

	mu     sync.Mutex
	file   io.Closer // the part that is open; nil: none
	closed bool
}

// errClosed is what Next returns after Close.
var errClosed = errors.New("replay: the source is closed")

// Next appends the next events to the batch. It returns io.EOF at the end of the
// recording, even if that is in the middle of a line or block; see [Source.Stats].
func (s *Source) Next(ctx context.Context, b *monitor.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.done != nil {
		return s.done
	}
	defer context.AfterFunc(ctx, func() { s.Close() })()
	if s.done = s.read(b); s.done == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.done = cmp.Or(ctx.Err(), errClosed)
	}
	return s.done
}

// read reads the current part, or the first later one that has events.
func (s *Source) read(b *monitor.Batch) error {
	for {
		err := s.in.read(b)
		if !errors.Is(err, io.EOF) || s.part == len(s.rec.parts) {
			return err
		}
		if err := s.nextPart(); err != nil || len(b.Events) > 0 {
			return err
		}
	}
}

// Stats returns the counters so far. It must not be called while Next runs.
func (s *Source) Stats() Stats { return s.in.Stats }

// Remembers reports whether events contain what the writer remembered of each flow, as
// JSON lines do. Other recordings need a table for that.
func (s *Source) Remembers() bool { return s.format.Remembers }

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
	unpacked, err := s.rec.cfg.unpack(file)
	if err == nil {
		s.in.open(p.name, unpacked)
		s.format, err = s.rec.cfg.detect(&s.in)
	}
	if err != nil {
		_ = s.closeLocked()
		return fmt.Errorf("recording %s: %w", p.name, err)
	}
	s.in.step = s.format.Open(&s.in, &s.rec.cfg)
	return nil
}
