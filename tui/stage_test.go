package tui

import (
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/loop"
	"natlens/monitor/table"
	"natlens/tui/paint"
	"natlens/tui/tail"
)

// stageNow is the time of the tests' screens: 12:03:10 UTC.
const stageNow = monitor.Time(1772366590e9)

// stage is a UI over a table that is filled by hand. Commands run at once.
type stage struct {
	*Model
	t      *testing.T
	table  *table.Table
	tail   *tail.Tail
	now    monitor.Time
	stats  loop.Stats
	batch  monitor.Batch
	seq    uint64
	copied string
	quit   bool
}

func newStage(t *testing.T, adjust ...func(*Config)) *stage {
	st := &stage{
		t:     t,
		table: table.New(table.Config{Linger: 5 * time.Second, Life: true, Rates: true}),
		tail:  tail.New(),
		now:   stageNow,
	}
	cfg := Config{Table: st.table, Tail: st.tail, Stats: func() loop.Stats { return st.stats },
		Clock: func() monitor.Time { return st.now }, Location: time.UTC, Theme: "dark",
		Info: Info{Host: "gw01", Namespace: "host", Capture: "ring", Max: 262144}}
	for _, f := range adjust {
		f(&cfg)
	}
	st.Model = New(cfg)
	st.tick = func() tea.Cmd { return nil }
	return st
}

// event adds an event at so many seconds before now; has is what it has beside
// tuples and status.
func (st *stage) event(kind monitor.Kind, ago float64, f monitor.Flow, has monitor.Attrs, x *monitor.Extra) {
	st.seq++
	e := st.batch.Add()
	*e = monitor.Event{Seq: st.seq, Time: st.now - monitor.Time(ago*1e9), Kind: kind, Flow: f, Extra: x,
		Has: has | monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID}
	st.stats.Events++
}

// gap adds a loss.
func (st *stage) gap(ago float64, count uint64) {
	st.seq++
	e := st.batch.Add()
	at := st.now - monitor.Time(ago*1e9)
	*e = monitor.Event{
		Seq:  st.seq,
		Time: at,
		Kind: monitor.KindLost,
		Gap:  &monitor.Gap{Count: count, From: at - 2e9, To: at - 1e9},
	}
	st.stats.Lost += count
	st.stats.Gaps++
}

// commit brings the events into the table and the tail, and draws a frame.
func (st *stage) commit() {
	st.table.Apply(&st.batch)
	if err := st.tail.Write(&st.batch); err != nil {
		st.t.Fatal(err)
	}
	st.batch.Reset()
	st.frame()
}

func (st *stage) frame() {
	st.pulled.at = time.Time{} // as if a second had passed
	st.send(frameMsg{})
}

// send gives a message and runs what comes of it, to the end.
func (st *stage) send(msg tea.Msg) {
	switch msg := msg.(type) {
	case nil:
		return
	case tea.BatchMsg:
		for _, cmd := range msg {
			st.run(cmd)
		}
		return
	case tea.QuitMsg:
		st.quit = true
		return
	}
	if v := reflect.ValueOf(msg); v.Kind() == reflect.String {
		st.copied = v.String()
	}
	_, cmd := st.Update(msg)
	st.run(cmd)
}

func (st *stage) run(cmd tea.Cmd) {
	if cmd != nil {
		st.send(cmd())
	}
}

// press types keys: named ones in angle brackets, as in "/tcp<enter>".
func (st *stage) press(keys string) {
	named := map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab}, "up": {Code: tea.KeyUp},
		"down": {Code: tea.KeyDown}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "home": {Code: tea.KeyHome},
		"end": {Code: tea.KeyEnd}, "pgdn": {Code: tea.KeyPgDown}, "pgup": {Code: tea.KeyPgUp},
		"space": {Code: tea.KeySpace, Text: " "}, "backspace": {Code: tea.KeyBackspace},
		"ctrl+u": {Code: 'u', Mod: tea.ModCtrl}, "ctrl+l": {Code: 'l', Mod: tea.ModCtrl},
		"shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift},
	}
	for keys != "" {
		if end := strings.IndexByte(keys, '>'); keys[0] == '<' && end > 0 {
			k, ok := named[keys[1:end]]
			if !ok {
				st.t.Fatalf("no key %q", keys[:end+1])
			}
			st.send(k)
			keys = keys[end+1:]
			continue
		}
		r := []rune(keys)[0]
		st.send(tea.KeyPressMsg{Code: r, Text: string(r)})
		keys = keys[len(string(r)):]
	}
}

func (st *stage) size(width, height int) {
	st.send(tea.WindowSizeMsg{Width: width, Height: height})
	st.frame()
}

// foot compares the last line of the screen, which has questions, errors and notes.
func (st *stage) foot(what string) {
	st.t.Helper()
	text, _, _ := strings.Cut(strings.TrimSpace(st.line(st.height-1)), "   ")
	golden.Words(st.t, what, text)
}

func (st *stage) colour(p colorprofile.Profile) { st.send(tea.ColorProfileMsg{Profile: p}) }

// line returns a line of the screen.
func (st *stage) line(y int) string {
	st.t.Helper()
	return strings.Split(st.screen(), "\n")[y]
}

// cursor returns the line of the screen that the cursor is on.
func (st *stage) cursor() string {
	st.t.Helper()
	for line := range strings.Lines(st.screen()) {
		if strings.HasPrefix(line, " ▌") {
			return strings.TrimSpace(strings.TrimPrefix(line, " ▌"))
		}
	}
	return ""
}

// typed returns the text in the filter bar, without blanks at its end.
func (st *stage) typed() string {
	st.t.Helper()
	return strings.TrimPrefix(st.line(1), " / ")
}

// clickOn clicks on a text of a line of the screen.
func (st *stage) clickOn(y int, text string) {
	st.t.Helper()
	before, _, ok := strings.Cut(st.line(y), text)
	if !ok {
		st.t.Fatalf("no %q in line %d:\n%s", text, y, st.screen())
	}
	st.send(tea.MouseClickMsg{X: paint.Width(before), Y: y, Button: tea.MouseLeft})
}

// screen returns what is on the screen, and checks its size: no line is
// wider than the screen, and there are as many as it has.
func (st *stage) screen() string {
	st.t.Helper()
	content := st.View().Content
	lines := strings.Split(content, "\n")
	if st.width >= minWidth && st.height >= minHeight && len(lines) != st.height {
		st.t.Errorf("%d lines on a screen of %d", len(lines), st.height)
	}
	for i := range lines {
		if n := paint.Width(lines[i]); st.theme.style == paint.Plain && n > st.width && st.width >= minWidth {
			st.t.Errorf("line %d takes %d of %d cells: %q", i, n, st.width, lines[i])
		}
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}
