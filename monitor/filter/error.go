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
	Expected   []string // what could stand there, words or kinds of value; may be empty
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

// Nearest returns the candidate that a word was perhaps meant to be, "" if none
// comes close: for messages about words that are not of the language.
func Nearest(word string, candidates []string) string { return nearest(word, candidates) }

// nearest returns the candidate that a word was perhaps meant to be, "" if none
// comes close: the shortest that begins as the word does, or else the one with
// the fewest letters exchanged. Words shorter than three letters are no hint.
func nearest(word string, candidates []string) string {
	word = fold(word)
	best, bestAt := "", 1+max(1, len(word)/3)
	if len(word) >= 5 && bestAt < 3 {
		bestAt = 3
	}
	if len(word) < 2 || len(word) > 40 {
		return ""
	}
	if c := beginning(word, candidates); c != "" {
		return c
	}
	for _, c := range candidates {
		if d := distance(word, fold(c)); d < bestAt {
			best, bestAt = c, d
		}
	}
	return best
}

// beginning returns the shortest candidate that begins as a word of three letters
// or more does.
func beginning(word string, candidates []string) string {
	best := ""
	for _, c := range candidates {
		if len(word) >= 3 && strings.HasPrefix(fold(c), word) && (best == "" || len(c) < len(best)) {
			best = c
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that make b of a (optimal string alignment).
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, prev, cur := rows[0], rows[1], rows[2]
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		rows[0], rows[1], rows[2] = prev, cur, before
	}
	return rows[1][len(b)]
}
