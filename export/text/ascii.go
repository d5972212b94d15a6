package text

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// signs are the ASCII forms of what natlens writes to people.
var signs = strings.NewReplacer("→", "->", "⇒", "=>", "↑", "^", "↓", "v", "─", "-", "−", "-", "–", "-", "…", "~",
	"✓", "+", "✗", "x")

// ASCII returns the text in ASCII, for terminals whose locale has no UTF-8. Characters
// without an ASCII form become question marks.
func ASCII(b []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return r
		}
		return '?'
	}, []byte(signs.Replace(string(b))))
}
