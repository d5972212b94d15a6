package filter

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"natlens/monitor"
)

// Error says what is wrong with a filter's text, and where.
type Error struct {
	Text       string   // the whole text
	Col        int      // where, in runes from 1; one past the last where the text ends too early
	Len        int      // how many runes are meant; 1 at the end of the text
	Msg        string   // what is wrong, without the word itself
	Suggestion string   // what was perhaps meant; "" if nothing comes close
	Expected   []string // what is accepted there, words or kinds of value; may be empty
}

// Error returns one line with the column.
func (e *Error) Error() string {
	s := "column " + strconv.Itoa(e.Col) + ": "
	if w := e.word(); w != "" {
		s += monitor.Escape(w) + ": "
	}
	return s + e.Msg + e.hint()
}

// Caret returns two lines: the text, and under the place what is wrong with it.
//
//	dprot 443
//	^^^^^ unknown word; did you mean dport?
func (e *Error) Caret() string {
	var top, under strings.Builder
	col := 1
	for _, r := range e.Text {
		w := runeWidth(r)
		switch {
		case unicode.IsSpace(r):
			r, w = ' ', 1
		case monitor.Unsafe(r):
			r, w = unicode.ReplacementChar, 1
		}
		top.WriteRune(r)
		switch {
		case col < e.Col:
			under.WriteString(strings.Repeat(" ", w))
		case col < e.Col+e.Len:
			under.WriteString(strings.Repeat("^", w))
		}
		col++
	}
	if e.Col >= col {
		under.WriteByte('^')
	}
	return top.String() + "\n" + under.String() + " " + e.Msg + e.hint()
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

// runeWidth is how many columns of a terminal a rune takes: 0 for marks that
// combine, 2 for East Asian wide ones, as far as a caret's place needs it.
func runeWidth(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}
