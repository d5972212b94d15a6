package tui

import (
	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"natlens/tui/paint"
)

// prompt asks something on the last line: one of a few keys, or a text.
type prompt struct {
	question string
	choices  []choice
	input    *textinput.Model // nil: a key is asked for
	typed    func(string) tea.Cmd
	spots    []int // cells at which the choices begin and end, and then esc
}

// choice is a key that answers a prompt.
type choice struct {
	key  string
	text string
	act  func() tea.Cmd
}

func askKey(question string, choices ...choice) *prompt {
	return &prompt{question: question, choices: choices}
}

func askText(question, proposal string, typed func(string) tea.Cmd) *prompt {
	in := newInput()
	in.SetValue(proposal)
	in.CursorEnd()
	in.Focus()
	return &prompt{question: question, input: &in, typed: typed}
}

// update takes a message; done says that the prompt has its answer.
func (p *prompt) update(msg tea.Msg) (cmd tea.Cmd, done bool) {
	k, isKey := msg.(tea.KeyPressMsg)
	if isKey && key.Matches(k, keyCancel) {
		return nil, true
	}
	if p.input != nil {
		if isKey && key.Matches(k, keyAccept) {
			if p.input.Value() == "" {
				return nil, true
			}
			return p.typed(p.input.Value()), true
		}
		*p.input, _ = p.input.Update(msg)
		return nil, false
	}
	if !isKey {
		return nil, false
	}
	for _, c := range p.choices {
		if k.String() == c.key {
			return c.act(), true
		}
	}
	return nil, k.String() == "n" // no, where that is not one of the choices
}

// draw returns the line, and the cell of the cursor; -1 for none.
func (p *prompt) draw(width int) (paint.Line, int) {
	var l paint.Line
	l.Add(paint.Title, " "+p.question+" ")
	if p.input != nil {
		at := l.Width()
		text, _, cursor := window([]rune(p.input.Value()), p.input.Position(), max(1, width-at-1))
		l.Add(paint.Text, text)
		l.Cut(width)
		return l, min(at+cursor, width-1)
	}
	p.spots = p.spots[:0]
	for _, c := range p.choices {
		l.Add(paint.Text, " ")
		p.spots = append(p.spots, l.Width())
		l.Add(paint.Key, c.key)
		l.Add(paint.Text, " "+c.text+" ")
		p.spots = append(p.spots, l.Width())
	}
	p.spots = append(p.spots, l.Width())
	l.Add(paint.Muted, " esc no")
	p.spots = append(p.spots, l.Width())
	l.Cut(width)
	return l, -1
}

// click answers by mouse: the key of the choice at a cell.
func (p *prompt) click(x int) (tea.KeyPressMsg, bool) {
	for i := 0; i+1 < len(p.spots); i += 2 {
		if x < p.spots[i] || x >= p.spots[i+1] {
			continue
		}
		if i/2 == len(p.choices) {
			return tea.KeyPressMsg{Code: tea.KeyEscape}, true
		}
		k := p.choices[i/2].key
		return tea.KeyPressMsg{Code: []rune(k)[0], Text: k}, true
	}
	return tea.KeyPressMsg{}, false
}
