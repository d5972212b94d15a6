package loop

import (
	"context"
	"errors"
	"io"
	"testing"

	"natlens/monitor"
)

// fewEvents is a source of one batch.
type fewEvents struct{ events []monitor.Event }

func (f *fewEvents) Next(_ context.Context, b *monitor.Batch) error {
	for i := range f.events {
		*b.Add() = f.events[i]
	}
	f.events = nil
	return io.EOF
}

func (f *fewEvents) Close() error { return nil }

// countingSink counts the events that it is given.
type countingSink struct {
	n    int
	fail error
}

func (c *countingSink) Write(b *monitor.Batch) error { c.n += len(b.Events); return c.fail }
func (c *countingSink) Close() error                 { return nil }

// TestStatsExisting checks that flows of a dump are counted apart.
func TestStatsExisting(t *testing.T) {
	m := Loop{
		Source: &fewEvents{
			[]monitor.Event{{Kind: monitor.KindNew}, {Kind: monitor.KindExisting}, {Kind: monitor.KindExisting}},
		},
	}
	if err := m.Run(t.Context()); err != nil || m.Stats() != (Stats{Events: 3, Written: 3, Existing: 2}) {
		t.Errorf("%v, %+v", err, m.Stats())
	}
}

// TestTaps checks that a tap gets what the filter drops, and that
// its error ends the run.
func TestTaps(t *testing.T) {
	tap, sink := new(countingSink), new(countingSink)
	m := Loop{
		Source: &fewEvents{[]monitor.Event{{Kind: monitor.KindNew}, {Kind: monitor.KindDestroy}, {Kind: monitor.KindNew}}},
		Filter: func(e *monitor.Event) bool { return e.Kind == monitor.KindDestroy },
		Sinks:  []monitor.Sink{sink}, Taps: []monitor.Sink{tap},
	}
	if err := m.Run(t.Context()); err != nil || tap.n != 3 || sink.n != 1 {
		t.Errorf("%v; the tap got %d events, the sink of %d", err, tap.n, sink.n)
	}
	tap.fail = errors.New("no space")
	m.Source = &fewEvents{[]monitor.Event{{Kind: monitor.KindDestroy}}}
	if err := m.Run(t.Context()); !errors.Is(err, tap.fail) || sink.n != 1 {
		t.Errorf("%v, %d events", err, sink.n)
	}
}
