package page

import (
	"charm.land/bubbles/v2/textinput"

	"natlens/tui/paint"
)

// NewInput is a line to type in, without a prompt and without a cursor of its own: the
// terminal's is used. The system's clipboard is not read.
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
