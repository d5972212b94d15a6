package page

import (
	"sync/atomic"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// asker notes that it is to ask again.
type asker struct{ again bool }

func (a *asker) Pull(bool) tea.Cmd { a.again = true; return nil }
func (a *asker) Take(any) bool     { return false }

// A question is stopped only if it is out of date; what is asked meanwhile is asked at its end.
func TestWhatStopsAQuestion(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		var p Puller
		var asked asker
		run := p.Ask(&asked, false, func(stop *atomic.Bool) any {
			if p.Ask(&asked, fresh, nil) != nil {
				t.Error("two questions at the same time")
			}
			if stop.Load() != fresh {
				t.Errorf("fresh %v: stopped %v", fresh, stop.Load())
			}
			return nil
		})
		run().(Then)()
		if !asked.again || p.Running() {
			t.Errorf("fresh %v: asked again %v, running %v", fresh, asked.again, p.Running())
		}
	}
}
