package loop

import (
	"context"
	"errors"
	"testing"

	"natlens/monitor"
)

// quietSource has a few events, and then none until the context ends.
type quietSource struct{ fewEvents }

func (q *quietSource) Next(ctx context.Context, b *monitor.Batch) error {
	if q.events != nil {
		_ = q.fewEvents.Next(ctx, b)
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// someRules find one thing at the second tick.
type someRules struct{ seen, ticks int }

func (r *someRules) Observe(b *monitor.Batch) { r.seen += len(b.Events) }

func (r *someRules) Tick(monitor.Time) []monitor.Finding {
	if r.ticks++; r.ticks != 2 {
		return nil
	}
	return []monitor.Finding{{Rule: "a"}, {Rule: "b"}}
}

func (r *someRules) Finish(monitor.Time) []monitor.Finding { return nil }

// findingSink keeps the findings.
type findingSink struct {
	countingSink
	found []monitor.Finding
	then  func()
}

func (s *findingSink) Finding(f *monitor.Finding) error {
	s.found = append(s.found, *f)
	if len(s.found) == 2 {
		s.then()
	}
	return s.fail
}

// TestRules expects rules to see what the filter does not want, to be called
// although no events come, and their findings to go to the sinks that accept them,
// with numbers after those of the events.
func TestRules(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rules, deaf, sink := new(someRules), new(countingSink), &findingSink{then: cancel}
	m := Loop{
		Source: &quietSource{
			fewEvents{[]monitor.Event{{Kind: monitor.KindNew}, {Kind: monitor.KindDestroy}, {Kind: monitor.KindNew}}},
		},
		Filter: func(e *monitor.Event) bool { return e.Kind == monitor.KindDestroy },
		Sinks:  []monitor.Sink{deaf, sink}, Rules: rules,
	}
	if err := m.Run(ctx); err != nil || rules.seen != 3 || deaf.n != 1 || len(sink.found) != 2 {
		t.Fatalf("%v; the rules saw %d, the sink %d; found %v", err, rules.seen, deaf.n, sink.found)
	}
	if a, b := sink.found[0], sink.found[1]; a.Rule != "a" || a.Seq != 4 || b.Rule != "b" || b.Seq != 5 {
		t.Errorf("found %v", sink.found)
	}
	sink.fail, rules.ticks = errors.New("no space"), 0
	m.Source = &quietSource{}
	if err := m.Run(t.Context()); !errors.Is(err, sink.fail) {
		t.Errorf("%v", err)
	}
}
