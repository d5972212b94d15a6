package page

import (
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"natlens/tui/keys"
	"natlens/tui/paint"
)

// Prompt asks a question on the last line, which is answered by a key or by a text.
type Prompt struct {
	Keys keys.Map // those of Answers

	question string
	choices  []Choice
	input    *textinput.Model // nil: a key answers
	typed    func(string) tea.Cmd
}

// Choice is a key that answers a prompt.
type Choice struct {
	Key  string
	Text string
	Act  func() tea.Cmd
}

// AskKey returns a prompt that one of a few keys answers; esc and n always work.
func AskKey(question string, choices ...Choice) *Prompt {
	return &Prompt{question: question, choices: choices}
}

// AskText returns a prompt for a text. An empty text means esc.
func AskText(question, proposal string, typed func(string) tea.Cmd) *Prompt {
	in := NewInput()
	in.SetValue(proposal)
	in.CursorEnd()
	in.Focus()
	return &Prompt{question: question, input: &in, typed: typed}
}

// Answers are the actions that answer every prompt.
var Answers = keys.Actions{keys.Accept: {}, keys.Cancel: {}}

// Update handles a key or a paste. done reports that the prompt is answered.
func (p *Prompt) Update(msg tea.Msg) (cmd tea.Cmd, done bool) {
	k, isKey := msg.(tea.KeyPressMsg)
	action, _ := p.Keys.Action(k)
	switch {
	case isKey && action == keys.Cancel:
		return nil, true
	case p.input == nil && isKey:
		return p.choose(k.String())
	case p.input == nil:
		return nil, false
	case isKey && action == keys.Accept:
		if p.input.Value() == "" {
			return nil, true
		}
		return p.typed(p.input.Value()), true
	}
	*p.input, _ = p.input.Update(msg)
	return nil, false
}

func (p *Prompt) choose(key string) (cmd tea.Cmd, done bool) {
	for _, c := range p.choices {
		if key == c.Key {
			return c.Act(), true
		}
	}
	return nil, key == "n" // no, unless a choice has this key
}

// Draw returns the line and the cell of the cursor, or -1.
func (p *Prompt) Draw(width int) (paint.Line, int) {
	var l paint.Line
	l.Add(paint.Title, " "+p.question+" ")
	if p.input != nil {
		return p.drawInput(l, width)
	}
	for i, c := range p.choices {
		l.Add(paint.Text, " ")
		l.Mark(i, func() {
			l.Add(paint.Key, c.Key)
			l.Add(paint.Text, " "+c.Text+" ")
		})
	}
	cancel, _ := p.Keys.Hint(keys.Cancel)
	l.Mark(len(p.choices), func() { l.Add(paint.Muted, " "+cancel.Label+" no") })
	l.Cut(width)
	return l, -1
}

// drawInput appends the text, and on the right the keys that end it if both fit.
func (p *Prompt) drawInput(l paint.Line, width int) (paint.Line, int) {
	var ends paint.Line
	accept, _ := p.Keys.Hint(keys.Accept)
	cancel, _ := p.Keys.Hint(keys.Cancel)
	ends.Add(paint.Key, accept.Label)
	ends.Add(paint.Muted, " "+accept.Does+"  ")
	ends.Add(paint.Key, cancel.Label)
	ends.Add(paint.Muted, " no")
	at := l.Width()
	text, _, cursor := Window(p.input, max(1, width-at-1))
	l.Add(paint.Text, text)
	if from := width - ends.Width() - 1; l.Width() < from-paint.Gap {
		l.Pad(from)
		l.AddLine(&ends)
	}
	l.Cut(width)
	return l, min(at+cursor, width-1)
}

// Choose answers by a click: a choice, or esc after them.
func (p *Prompt) Choose(spot int) tea.Cmd {
	if spot < len(p.choices) {
		return p.choices[spot].Act()
	}
	return nil
}

// NewInput returns a text input without a prompt and without its own cursor: it uses the
// terminal's. It does not read the system's clipboard.
func NewInput() textinput.Model {
	m := textinput.New()
	m.Prompt = ""
	m.SetVirtualCursor(false)
	m.KeyMap.Paste.SetEnabled(false)
	m.KeyMap.AcceptSuggestion.SetEnabled(false)
	return m
}

// Window returns the part of an input's text that fits with the cursor in it, how many
// cells are cut off before it, and the cursor's cell in it.
func Window(in *textinput.Model, width int) (shown string, first, at int) {
	text, cursor, from := []rune(in.Value()), in.Position(), 0
	for Cells(text, cursor)-Cells(text, from) > width {
		from++
	}
	first = Cells(text, from)
	return paint.Cut(string(text[from:]), width+1), first, Cells(text, cursor) - first
}

// Cells returns the cells that the first n runes take.
func Cells(text []rune, n int) int { return paint.Width(string(text[:min(max(0, n), len(text))])) }
