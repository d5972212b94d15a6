package filter

import (
	"strconv"
	"unicode/utf8"

	"natlens/monitor"
)

// Error describes what is wrong in a filter, and where.
type Error struct {
	Text       string // the whole text
	Col        int    // position in runes from 1; one after the last rune if the text ends too early
	Len        int    // number of runes; 1 at the end of the text
	Msg        string // what is wrong, without the word itself
	Suggestion string // a similar word or filter, or ""
}

// Error returns one line with the column.
func (e *Error) Error() string {
	s := "column " + strconv.Itoa(e.Col) + ": "
	if w := e.word(); w != "" {
		s += monitor.Escape(w) + ": "
	}
	return s + e.Msg + e.hint()
}

func (e *Error) hint() string {
	if e.Suggestion != "" {
		return "; did you mean " + e.Suggestion + "?"
	}
	return ""
}

// word returns the wrong text, "" at the end.
func (e *Error) word() string {
	runes := []rune(e.Text)
	from := min(e.Col-1, len(runes))
	return string(runes[from:min(from+e.Len, len(runes))])
}

// newError returns an Error for the bytes pos to end.
func newError(text string, pos, end int, msg string) *Error {
	return &Error{
		Text: text,
		Col:  1 + utf8.RuneCountInString(text[:pos]),
		Len:  max(1, utf8.RuneCountInString(text[pos:end])),
		Msg:  msg,
	}
}
