package filter

import (
	"strconv"
	"unicode/utf8"

	"natlens/monitor"
)

// Error says what is wrong with a filter's text, and where.
type Error struct {
	Text       string // the whole text
	Col        int    // where, in runes from 1; one past the last where the text ends too early
	Len        int    // how many runes are meant; 1 at the end of the text
	Msg        string // what is wrong, without the word itself
	Suggestion string // what was perhaps meant; "" if nothing comes close
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

// word returns the text that is meant, "" at the end.
func (e *Error) word() string {
	runes := []rune(e.Text)
	from := min(e.Col-1, len(runes))
	return string(runes[from:min(from+e.Len, len(runes))])
}

// newError makes an Error from a place in bytes.
func newError(text string, pos, end int, msg string) *Error {
	return &Error{
		Text: text,
		Col:  1 + utf8.RuneCountInString(text[:pos]),
		Len:  max(1, utf8.RuneCountInString(text[pos:end])),
		Msg:  msg,
	}
}
