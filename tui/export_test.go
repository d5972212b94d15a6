package tui

import (
	"slices"
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

// An export shows how far it is; another one waits for its end, and the end of the
// UI asks.
func TestExportShowsHowFarItIs(t *testing.T) {
	f := &slowFile{came: make(chan struct{}), on: make(chan struct{})}
	st := newStage(t, func(c *Config) { c.Exporter = f })
	st.clients(1200)
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
		st.foot(want + ": e")
		st.press("q")
		st.foot(want + ": q")
		if st.quit {
			t.Error("the end of the UI cuts the file off unasked")
		}
		st.press("<esc>")
		f.on <- struct{}{}
	}
	st.send(<-done)
	st.foot("at the end")
	if st.press("q"); !st.quit {
		t.Error("q does not quit when the export is done")
	}
	if len(f.events) != 1200 || f.closed != 1 {
		t.Errorf("%d flows, closed %d times", len(f.events), f.closed)
	}
}

// On the page Events what is shown are its events, gaps and all.
func TestExportOfEvents(t *testing.T) {
	files := &disk{files: map[string]*file{}}
	st := newStage(t, func(c *Config) { c.Exporter = files })
	st.clients(1200)
	st.gap(1, 7)
	st.newcomer(50000)
	st.size(120, 30)
	st.press("2/sport 1030 or sport 50000<enter>e")
	if s := st.screen(); !strings.Contains(s, "s the 3 events shown") {
		t.Errorf("the events are not offered:\n%s", s)
	}
	st.press("s")
	if s := st.line(29); !strings.HasSuffix(s, "enter accept  esc no") {
		t.Errorf("the prompt for the name: %q", s)
	}
	st.press("<enter>")
	st.foot("events")
	var kinds []monitor.Kind
	for name, f := range files.files {
		for i := range f.events {
			kinds = append(kinds, f.events[i].Kind)
		}
		if !strings.HasPrefix(name, "events-20260301-") || f.closed != 1 {
			t.Errorf("file %s, closed %d times", name, f.closed)
		}
	}
	if want := []monitor.Kind{monitor.KindNew, monitor.KindLost, monitor.KindNew}; !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
	st.press("es<enter>n") // there is such a file, and it stays
	if s := st.screen(); strings.Contains(s, "overwrite it?") || len(files.files) != 1 {
		t.Errorf("n is no no:\n%s", s)
	}
	st.press("<ctrl+l>es<enter>y") // the name is that of the same second: over it
	for name, f := range files.files {
		if len(f.events) != 1202 || f.closed != 1 {
			t.Errorf("file %s has %d of 1,202 events, closed %d times", name, len(f.events), f.closed)
		}
	}
}
