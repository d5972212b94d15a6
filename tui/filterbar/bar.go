// Package filterbar is the line of the terminal UI in which the filter is typed.
package filterbar

import (
	"errors"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/groups"
	"natlens/monitor/table"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// History stores the used filters for later runs.
type History interface {
	Lines() []string   // oldest first
	Add(filter string) // must return quickly
}

// Bar is the line in which the filter is typed. A valid text becomes the filter at once. An
// invalid text does not change the view, and the bar shows the error.
type Bar struct {
	Open bool
	Keys keys.Map

	s       *page.Session
	history History // may be nil
	input   textinput.Model
	prior   string // the previous filter, for esc
	err     *filter.Error

	candidates []filter.Candidate
	pick       int    // the candidate that tab has inserted; -1: none
	base       []rune // the text that tab completes
	baseAt     int    // and the cursor in it

	lines []string // history, oldest first
	at    int      // in the history; len(lines) is the text that is being typed
	draft string
}

// Lines is the height of the bar.
const Lines = 3

// New returns a closed bar. history may be nil.
func New(s *page.Session, history History) *Bar {
	b := &Bar{s: s, history: history, input: page.NewInput(), pick: -1}
	if history != nil {
		b.lines = history.Lines()
	}
	b.Keys = s.Keys.Bind(keys.Actions{
		keys.Accept:       keys.Act(b.accept),
		keys.Cancel:       keys.Act(b.cancel),
		keys.Complete:     keys.Act(func() { b.complete(1) }),
		keys.CompleteBack: keys.Act(func() { b.complete(-1) }),
		keys.Older:        keys.Act(func() { b.recall(-1) }),
		keys.Newer:        keys.Act(func() { b.recall(1) }),
	})
	return b
}

// Begin opens the bar with the filter as it is.
func (b *Bar) Begin() {
	b.Open, b.prior, b.at, b.draft = true, b.s.Text, len(b.lines), b.s.Text
	b.input.SetValue(b.s.Text)
	b.input.CursorEnd()
	b.input.Focus()
	b.changed()
}

// Type handles a key or a paste.
func (b *Bar) Type(msg tea.Msg) {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		if _, ok := b.Keys.Press(k); ok {
			return
		}
	}
	before, at := b.input.Value(), b.input.Position()
	b.input, _ = b.input.Update(msg)
	if before != b.input.Value() || at != b.input.Position() {
		b.changed()
	}
}

// accept closes the bar if the text is valid.
func (b *Bar) accept() {
	text := b.input.Value()
	if b.err != nil {
		return
	}
	b.Open = false
	if text == "" || len(b.lines) > 0 && b.lines[len(b.lines)-1] == text {
		return
	}
	b.lines = append(b.lines, text)
	if b.history != nil {
		b.history.Add(text)
	}
}

// cancel closes the bar and restores the filter.
func (b *Bar) cancel() {
	b.Open = false
	if b.s.Text != b.prior {
		_ = b.s.SetFilter(b.prior) // it was valid before
	}
}

// changed parses the text and finds the candidates; after an error, the suggestion.
func (b *Bar) changed() {
	b.pick = -1
	b.parse()
	env := b.s.Env
	env.Values = b.values
	b.candidates = env.Complete(b.input.Value(), b.input.Position())
	if e := b.err; len(b.candidates) == 0 && e != nil && e.Suggestion != "" {
		b.candidates = []filter.Candidate{{Text: e.Suggestion, Start: e.Col - 1, End: e.Col - 1 + e.Len}}
	}
}

func (b *Bar) parse() {
	b.err = nil
	text := b.input.Value()
	if text == b.s.Text {
		return
	}
	if err := b.s.SetFilter(text); err != nil && !errors.As(err, &b.err) {
		b.err = &filter.Error{Text: text, Col: 1, Len: 1, Msg: err.Error()}
	}
}

// complete inserts the next candidate. The candidates stay, so that tab continues with the one
// after it.
func (b *Bar) complete(by int) {
	if b.pick < 0 {
		b.base, b.baseAt = []rune(b.input.Value()), b.input.Position()
	}
	n := len(b.candidates)
	at := max(b.pick, min(-by, 0)) // before the first, or at it, which comes after the last
	for range n {
		if at = (at + by + n) % n; b.candidates[at].Text != "" {
			break
		}
	}
	if n == 0 || b.candidates[at].Text == "" {
		b.pick = -1
		return
	}
	b.pick = at
	c := b.candidates[at]
	text, rest := string(b.base[:c.Start])+c.Text, string(b.base[c.End:])
	if !strings.HasPrefix(rest, " ") {
		text += " "
	}
	end := len([]rune(text)) + max(0, b.baseAt-c.End) // a correction may be before the cursor
	b.input.SetValue(text + rest)
	b.input.SetCursor(end)
	b.parse()
}

// recall moves through the used filters.
func (b *Bar) recall(by int) {
	if b.at == len(b.lines) {
		b.draft = b.input.Value()
	}
	b.at = min(max(0, b.at+by), len(b.lines))
	text := b.draft
	if b.at < len(b.lines) {
		text = b.lines[b.at]
	}
	b.input.SetValue(text)
	b.input.CursorEnd()
	b.changed()
}

const prompt = " / "

// Draw returns the lines of the bar: the text, the error under its place, and the candidates;
// and the cell of the cursor in the first line.
func (b *Bar) Draw(width int) ([]paint.Line, int) {
	out := make([]paint.Line, 3)
	at := len(prompt)
	out[0].Add(paint.Key, prompt)
	text, first, cursor := page.Window(&b.input, width-at-1)
	out[0].Add(paint.Text, text)
	if b.err != nil {
		col := at + min(max(0, page.Cells([]rune(b.input.Value()), b.err.Col-1)-first), max(0, width-at-20))
		out[1].Pad(col)
		msg := b.err.Msg
		if b.err.Suggestion != "" {
			msg += "; did you mean " + b.err.Suggestion + "?"
		}
		role := paint.Bad
		if b.err.Col > len([]rune(b.err.Text)) {
			role = paint.Muted // incomplete, not wrong
		}
		out[1].Add(role, "^ "+msg)
	}
	out[2].Pad(at)
	for i, c := range b.candidates {
		if out[2].Width() > width {
			break
		}
		b.drawCandidate(&out[2], c, i == b.pick)
	}
	for i := range out {
		out[i].Cut(width)
	}
	return out, at + cursor
}

func (b *Bar) drawCandidate(l *paint.Line, c filter.Candidate, picked bool) {
	switch {
	case c.Text == "":
		l.Add(paint.Muted, c.Doc)
	case picked:
		l.Add(paint.Tab, c.Text)
		l.Add(paint.Muted, " "+c.Doc)
	default:
		l.Add(paint.Text, c.Text)
	}
	l.Add(paint.Text, "  ")
}

// Completion offers at most seenValues values of a field, those of a sample of flows, because it must be fast.
const (
	seenValues = 50
	sample     = 20_000
)

// values returns the values of a field in the table, the most frequent first, for completion. Amounts,
// times and most numbers differ too much to be offered.
func (b *Bar) values(f filter.Field) (out []string) {
	if !f.Listed() {
		return nil
	}
	count := groups.New(groups.By{{f}}, b.s.Env)
	var e monitor.Event
	b.s.Table.Scan(func(i uint32, r *table.Row, x *monitor.Extra) bool {
		r.Event(i, x, b.s.Frame, &e)
		count.Add(&e, groups.Sums{Flows: 1})
		return count.Sums().Flows < sample
	})
	for _, g := range count.Top(groups.ByFlows, false, seenValues).Groups {
		out = append(out, f.Text(g.Key[0]))
	}
	return out
}
