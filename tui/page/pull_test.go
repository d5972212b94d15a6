package page

import (
	"testing"

	tea "charm.land/bubbletea/v2"
)

// What is asked while a question runs is asked once more at its end.
func TestAskerAsksAgain(t *testing.T) {
	var a Asker
	var s Session
	taken, again := false, 0
	next := func() tea.Cmd { again++; return nil }
	run := a.Ask(&s, next, func() func() {
		for range 2 {
			if a.Ask(&s, next, nil) != nil {
				t.Error("two questions at the same time")
			}
		}
		return func() { taken = true }
	})
	run().(Then)()
	if !taken || again != 1 || a.Running() {
		t.Errorf("taken %v, asked again %d times, running %v", taken, again, a.Running())
	}
}
