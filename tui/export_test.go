package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
)

// slowFile takes a batch only when the test lets it.
type slowFile struct {
	file
	came, on chan struct{}
}

func (f *slowFile) Write(b *monitor.Batch) error {
	f.came <- struct{}{}
	<-f.on
	return f.file.Write(b)
}

func (f *slowFile) Create(string, bool) (monitor.Sink, error) { return f, nil }

// An export tells how far it is; another one waits for its end, and the end of the
// UI asks.
func TestExportShowsHowFarItIs(t *testing.T) {
	f := &slowFile{came: make(chan struct{}), on: make(chan struct{})}
	st := newStage(t, func(c *Config) { c.Exporter = f })
	st.crowd(1200)
	st.size(120, 30)
	st.press("es")
	_, write := st.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	done := make(chan tea.Msg)
	go func() { done <- write() }()
	for _, want := range []string{"exporting 512 of 1,200", "exporting 1,024 of 1,200", "exporting 1,200 of 1,200"} {
		<-f.came
		if s := st.screen(); !strings.Contains(s, want) {
			t.Errorf("the status line does not say %q:\n%s", want, s)
		}
		st.press("e")
		if s := st.screen(); !strings.Contains(s, "an export is on its way") {
			t.Errorf("another one is offered:\n%s", s)
		}
		st.press("q")
		if s := st.screen(); st.quit || !strings.Contains(s, "quit, and leave flows-20260301-120310.jsonl as it is, without its rest?") {
			t.Errorf("the end of the UI would cut the file off unasked:\n%s", s)
		}
		st.press("<esc>")
		f.on <- struct{}{}
	}
	st.send(<-done)
	if s := st.screen(); strings.Contains(s, "exporting") || !strings.Contains(s, "1,200 flows written to flows-20260301-120310.jsonl") {
		t.Errorf("at the end:\n%s", s)
	}
	if st.press("q"); !st.quit {
		t.Error("q does not quit when the export is done")
	}
	if len(f.events) != 1200 || f.closed != 1 {
		t.Errorf("%d flows, closed %d times", len(f.events), f.closed)
	}
}
