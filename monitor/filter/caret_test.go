package filter

import (
	"strings"
	"unicode"

	"natlens/monitor"
)

// caret returns two lines: the text, and under the place what is wrong with it.
//
//	dprot 443
//	^^^^^ unknown word; did you mean dport?
func caret(err error) string {
	e := err.(*Error)
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
