package text

import "unicode/utf8"

// signs are the ASCII replacements of natlens's signs.
var signs = map[rune]string{'→': "->", '⇒': "=>", '↑': "^", '↓': "v", '─': "-", '−': "-", '–': "-", '…': "~",
	'✓': "+", '✗': "x"}

// ASCII returns the text in ASCII, for terminals whose locale has no UTF-8. Characters
// without an ASCII form become question marks.
func ASCII(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		sign, ok := signs[r]
		switch {
		case r < utf8.RuneSelf:
			out = append(out, b[0])
		case ok:
			out = append(out, sign...)
		default:
			out = append(out, '?')
		}
		b = b[size:]
	}
	return out
}
