package tui

import (
	"sync/atomic"
	"testing"
)

// A question is stopped for one that matters more, and by nothing else: what a
// frame asked makes room for a key, what a key asked only for another filter,
// order or page.
func TestWhatStopsAQuestion(t *testing.T) {
	for _, c := range []struct {
		runs, comes wish
		stopped     bool
	}{
		{toGlance, toGlance, false},
		{toGlance, toMove, true},
		{toGlance, toChange, true},
		{toMove, toGlance, false},
		{toMove, toMove, false},
		{toMove, toChange, true},
		{toChange, toGlance, false},
		{toChange, toMove, false},
		{toChange, toChange, true},
	} {
		var p puller
		var stop *atomic.Bool
		run := p.ask(nil, c.runs, func(s *atomic.Bool) any {
			stop = s
			if p.ask(nil, c.comes, nil) != nil {
				t.Errorf("%d while %d runs: two questions at the same time", c.comes, c.runs)
			}
			return nil
		})
		m := run().(answerMsg)
		if stop.Load() != c.stopped {
			t.Errorf("%d while %d runs: stopped %v, want %v", c.comes, c.runs, stop.Load(), c.stopped)
		}
		if again := p.answered(m); again != c.comes {
			t.Errorf("%d while %d runs: asked again for %d", c.comes, c.runs, again)
		}
	}
}
