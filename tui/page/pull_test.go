package page

import (
	"sync/atomic"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// asker notes why it is to ask again.
type asker struct{ again Wish }

func (a *asker) Pull(w Wish) tea.Cmd { a.again = w; return nil }
func (a *asker) Take(any) Wish       { return NoWish }

// A question is stopped for one that matters more, and by nothing else: what a
// frame asked makes room for a key, what a key asked only for another filter,
// order or page.
func TestWhatStopsAQuestion(t *testing.T) {
	for _, c := range []struct {
		runs, comes Wish
		stopped     bool
	}{
		{ToGlance, ToGlance, false},
		{ToGlance, ToMove, true},
		{ToGlance, ToChange, true},
		{ToMove, ToGlance, false},
		{ToMove, ToMove, false},
		{ToMove, ToChange, true},
		{ToChange, ToGlance, false},
		{ToChange, ToMove, false},
		{ToChange, ToChange, true},
	} {
		var p Puller
		var asked asker
		var stop *atomic.Bool
		run := p.Ask(&asked, c.runs, func(s *atomic.Bool) any {
			stop = s
			if p.Ask(&asked, c.comes, nil) != nil {
				t.Errorf("%d while %d runs: two questions at the same time", c.comes, c.runs)
			}
			return nil
		})
		run().(Then)()
		if stop.Load() != c.stopped {
			t.Errorf("%d while %d runs: stopped %v, want %v", c.comes, c.runs, stop.Load(), c.stopped)
		}
		if asked.again != c.comes {
			t.Errorf("%d while %d runs: asked again for %d", c.comes, c.runs, asked.again)
		}
	}
}
