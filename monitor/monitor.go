package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// Monitor carries events from a source through the table and the filter to the
// sinks, in one goroutine and in whole batches. There is no queue in it: a sink
// that is slow holds the loop back, the kernel's queue fills, and what the
// kernel then drops is counted there and comes as an event of KindLost.
//
// The fields are set before Run and not changed after it.
type Monitor struct {
	Source Source
	Table  *Table // nil: no memory of flows; nothing is remembered, no generations
	Filter Filter // nil: every event
	Sinks  []Sink
	Count  uint64 // end well after so many events have passed the filter; 0: never

	// Resync is how the table is brought up to date after a loss. The zero
	// value does nothing; it needs a Table and a Source that is [Live].
	Resync Resync

	seq   uint64
	stats counters
}

// Stats are the Monitor's counters. They may be read while it runs.
type Stats struct {
	Events  uint64 // events of the source, losses and resyncs left out
	Written uint64 // events that passed the filter
	Lost    uint64 // events that the kernel dropped
	Gaps    uint64 // how often it did
	Resyncs uint64 // reconciliations that were finished
}

type counters struct{ events, written, lost, gaps, resyncs atomic.Uint64 }

// Stats returns the counters as they stand.
func (m *Monitor) Stats() Stats {
	c := &m.stats
	return Stats{c.events.Load(), c.written.Load(), c.lost.Load(), c.gaps.Load(), c.resyncs.Load()}
}

// errCount ends the loop when Count events have been written.
var errCount = errors.New("count reached")

// Run carries events until the source ends, ctx ends or Count is reached, all of
// which are no errors. It does not close the source or the sinks.
func (m *Monitor) Run(ctx context.Context) error {
	var b Batch
	for {
		b.Reset()
		err := m.next(ctx, &b)
		if werr := m.process(&b); werr != nil {
			if errors.Is(werr, errCount) {
				return nil
			}
			return werr
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil
		default:
			return fmt.Errorf("read events: %w", err)
		}
	}
}

func (m *Monitor) next(ctx context.Context, b *Batch) error { return m.Source.Next(ctx, b) }

// process takes one batch through the table, the filter and the sinks.
func (m *Monitor) process(b *Batch) error {
	if len(b.Events) == 0 {
		return nil
	}
	for i := range b.Events {
		m.seq++
		b.Events[i].Seq = m.seq
		m.count(&b.Events[i])
	}
	if m.Table != nil {
		m.Table.Apply(b)
	}
	if m.Filter != nil {
		b.Keep(m.Filter)
	}
	var end error
	if m.Count > 0 {
		end = m.cut(b)
	}
	if len(b.Events) == 0 {
		return end
	}
	m.stats.written.Add(uint64(len(b.Events)))
	for _, s := range m.Sinks {
		if err := s.Write(b); err != nil {
			return err
		}
	}
	return end
}

func (m *Monitor) count(e *Event) {
	switch e.Kind {
	case KindLost:
		m.stats.gaps.Add(1)
		m.stats.lost.Add(e.Gap.Count)
	case KindResynced:
		m.stats.resyncs.Add(1)
	default:
		m.stats.events.Add(1)
	}
}

// cut shortens the batch to what is left of Count.
func (m *Monitor) cut(b *Batch) error {
	left := m.Count - m.stats.written.Load()
	if uint64(len(b.Events)) < left {
		return nil
	}
	b.Events = b.Events[:left]
	return errCount
}
