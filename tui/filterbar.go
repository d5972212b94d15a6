package tui

import (
	"errors"
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"natlens/monitor/filter"
	"natlens/tui/paint"
)

// filterBar is where the filter is typed. A valid text is the filter at once; a
// text that is not valid leaves the view as it is and says what is wrong with it.
type filterBar struct {
	s     *session
	input textinput.Model
	open  bool
	prior string // the filter before, for esc
	err   *filter.Error

	candidates []filter.Candidate
	pick       int    // the candidate that tab has put in; -1: none yet
	base       []rune // the text that tab completes
	baseAt     int    // and the cursor in it

	lines []string // history, oldest first
	at    int      // in the history; len(lines) is the text that is being typed
	draft string
}

func newFilterBar(s *session) filterBar {
	b := filterBar{s: s, input: newInput(), pick: -1}
	if s.cfg.History != nil {
		b.lines = s.cfg.History.Lines()
	}
	return b
}

// newInput is a line to type in, without a prompt and without a cursor of its
// own: the terminal's is used. Nothing is read from the system's clipboard.
func newInput() textinput.Model {
	m := textinput.New()
	m.Prompt = ""
	m.SetVirtualCursor(false)
	m.KeyMap.Paste.SetEnabled(false)
	m.KeyMap.AcceptSuggestion.SetEnabled(false)
	return m
}

// begin opens the bar with the filter as it is.
func (b *filterBar) begin() {
	b.open, b.prior, b.at, b.draft = true, b.s.text, len(b.lines), b.s.text
	b.input.SetValue(b.s.text)
	b.input.CursorEnd()
	b.input.Focus()
	b.changed()
}

var (
	keyAccept   = key.NewBinding(key.WithKeys("enter"))
	keyCancel   = key.NewBinding(key.WithKeys("esc", "ctrl+c"))
	keyComplete = key.NewBinding(key.WithKeys("tab"))
	keyBackward = key.NewBinding(key.WithKeys("shift+tab"))
	keyOlder    = key.NewBinding(key.WithKeys("up", "ctrl+p"))
	keyNewer    = key.NewBinding(key.WithKeys("down", "ctrl+n"))
)

// update takes a key or a paste. It reports whether the filter is another.
func (b *filterBar) update(msg tea.Msg) (changed bool) {
	gen := b.s.gen
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch {
		case key.Matches(k, keyAccept):
			b.accept()
			return gen != b.s.gen
		case key.Matches(k, keyCancel):
			b.open = false
			if b.s.text != b.prior {
				_ = b.s.setFilter(b.prior) // it was valid
			}
			return gen != b.s.gen
		case key.Matches(k, keyComplete):
			b.complete(1)
			return gen != b.s.gen
		case key.Matches(k, keyBackward):
			b.complete(-1)
			return gen != b.s.gen
		case key.Matches(k, keyOlder):
			b.recall(-1)
			return gen != b.s.gen
		case key.Matches(k, keyNewer):
			b.recall(1)
			return gen != b.s.gen
		}
	}
	before, at := b.input.Value(), b.input.Position()
	b.input, _ = b.input.Update(msg)
	if before != b.input.Value() || at != b.input.Position() {
		b.changed()
	}
	return gen != b.s.gen
}

// accept closes the bar, unless the text is not valid.
func (b *filterBar) accept() {
	text := b.input.Value()
	if b.err != nil {
		return
	}
	b.open = false
	if text == "" || len(b.lines) > 0 && b.lines[len(b.lines)-1] == text {
		return
	}
	b.lines = append(b.lines, text)
	if b.s.cfg.History != nil {
		b.s.cfg.History.Add(text)
	}
}

// changed parses the text and finds what may come next; behind a mistake, where
// nothing may, what was probably meant.
func (b *filterBar) changed() {
	b.pick = -1
	b.parse()
	b.candidates = b.s.env().Complete(b.input.Value(), b.input.Position())
	if e := b.err; len(b.candidates) == 0 && e != nil && e.Suggestion != "" {
		b.candidates = []filter.Candidate{{Text: e.Suggestion, Start: e.Col - 1, End: e.Col - 1 + e.Len}}
	}
}

func (b *filterBar) parse() {
	b.err = nil
	text := b.input.Value()
	if text == b.s.text {
		return
	}
	if err := b.s.setFilter(text); err != nil {
		if !errors.As(err, &b.err) {
			b.err = &filter.Error{Text: text, Col: 1, Len: 1, Msg: err.Error()}
		}
	}
}

// complete puts the next candidate in; the candidates stay, so that tab goes on
// to the one after it.
func (b *filterBar) complete(by int) {
	if b.pick < 0 {
		b.base, b.baseAt = []rune(b.input.Value()), b.input.Position()
	}
	n := len(b.candidates)
	for range n {
		b.pick += by
		if b.pick < 0 {
			b.pick = n - 1
		}
		b.pick %= n
		if b.candidates[b.pick].Text != "" {
			break
		}
	}
	if n == 0 || b.candidates[b.pick].Text == "" {
		b.pick = -1
		return
	}
	c := b.candidates[b.pick]
	text, rest := string(b.base[:c.Start])+c.Text, string(b.base[c.End:])
	if !strings.HasPrefix(rest, " ") {
		text += " "
	}
	end := len([]rune(text)) + max(0, b.baseAt-c.End) // what is mended may stand before
	b.input.SetValue(text + rest)
	b.input.SetCursor(end)
	b.parse()
}

// recall goes through the filters used before.
func (b *filterBar) recall(by int) {
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

// filterPrompt is what stands before the text.
const filterPrompt = " / "

// draw returns three lines: the text, what is wrong with it under its place, and
// what may come next; and the cell of the cursor on the first.
func (b *filterBar) draw(width int) ([]drawn, int) {
	out := make([]drawn, 3)
	at := len(filterPrompt)
	out[0].line.Add(paint.Key, filterPrompt)
	text, first, cursor := window([]rune(b.input.Value()), b.input.Position(), width-at-1)
	out[0].line.Add(paint.Text, text)
	if b.err != nil {
		col := at + min(max(0, cellsOf([]rune(b.input.Value()), b.err.Col-1)-first), max(0, width-at-20))
		out[1].line.Pad(col)
		msg := b.err.Msg
		if b.err.Suggestion != "" {
			msg += "; did you mean " + b.err.Suggestion + "?"
		}
		role := paint.Bad
		if b.err.Col > len([]rune(b.err.Text)) {
			role = paint.Muted // not wrong, only not whole yet
		}
		out[1].line.Add(role, "^ "+msg)
	}
	out[2].line.Pad(at)
	for i, c := range b.candidates {
		if out[2].line.Width() > width {
			break
		}
		b.drawCandidate(&out[2].line, c, i == b.pick)
	}
	for i := range out {
		out[i].line.Cut(width)
	}
	return out, at + cursor
}

func (b *filterBar) drawCandidate(l *paint.Line, c filter.Candidate, picked bool) {
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

// window returns the part of a text that fits with the cursor in it, how many
// cells are cut off before it, and the cursor's cell in it.
func window(text []rune, cursor, width int) (shown string, first, at int) {
	from := 0
	for cellsOf(text, cursor)-cellsOf(text, from) > width {
		from++
	}
	first = cellsOf(text, from)
	return paint.Cut(string(text[from:]), width+1), first, cellsOf(text, cursor) - first
}

// cellsOf returns the cells that the first n runes take.
func cellsOf(text []rune, n int) int { return paint.Width(string(text[:min(max(0, n), len(text))])) }
