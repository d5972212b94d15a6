package monitor

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// This file escapes untrusted text: helper names, security contexts, labels, DNS names,
// recordings. All text that is written to a terminal or to a file of lines is escaped here, so
// that it cannot move the cursor, end a line or change the writing direction.

// Unsafe reports whether a character must not reach a terminal or a line as it
// is: C0, DEL and C1 controls, line and paragraph separators, and the characters
// that change the writing direction (U+061C, U+200E, U+200F, U+202A–U+202E,
// U+2066–U+2069).
func Unsafe(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f:
		return true
	case r < 0x061c:
		return false
	case r == 0x061c, r == 0x200e, r == 0x200f:
		return true
	case r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

// AppendEscaped appends text with every unsafe character as a visible escape:
//
//	\n \r \t                        these three
//	\x1b                            other C0 controls and DEL
//	\u009b \u202e                   other unsafe characters
//	\xff                            each byte that is not UTF-8
//	\\                              the backslash itself
//
// Different texts stay different. Clean ASCII is copied in one go.
func AppendEscaped(dst, text []byte) []byte {
	n := plainPrefix(text)
	dst, text = append(dst, text[:n]...), text[n:]
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch named := strings.IndexRune("\n\r\t\\", r); {
		case r == utf8.RuneError && size <= 1:
			dst = appendHex(dst, 'x', rune(text[0]), 2)
		case named >= 0:
			dst = append(dst, '\\', `nrt\`[named])
		case Unsafe(r) && r < 0x80:
			dst = appendHex(dst, 'x', r, 2)
		case Unsafe(r):
			dst = appendHex(dst, 'u', r, 4)
		default:
			dst = append(dst, text[:size]...)
		}
		text = text[size:]
	}
	return dst
}

// AppendMessage appends a message for people, which may contain untrusted names, arguments and
// errors. It escapes what AppendEscaped escapes except the backslash, so that text that is
// escaped already stays the same.
func AppendMessage(dst, text []byte) []byte {
	return append(dst, bytes.ReplaceAll(AppendEscaped(nil, text), []byte(`\\`), []byte(`\`))...)
}

// Escape is [AppendEscaped] for a string, and returns it unchanged when nothing
// in it needs an escape.
func Escape(text string) string {
	if plainPrefix(text) == len(text) {
		return text
	}
	return string(AppendEscaped(nil, []byte(text)))
}

// plainPrefix returns how many bytes at the beginning are ASCII that needs no escape.
func plainPrefix[T string | []byte](text T) int {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= 0x7f || c == '\\' {
			return i
		}
	}
	return len(text)
}

// appendHex appends an escape with a letter and hex digits.
func appendHex(dst []byte, letter byte, r rune, digits int) []byte {
	dst = append(dst, '\\', letter)
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[r>>shift&15])
	}
	return dst
}

// JSONLine returns a value as a line of JSON. Characters that are unsafe in a terminal are written
// as \u escapes; <, > and & stay. It panics if the value cannot be encoded.
func JSONLine(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return EscapeJSON(b.Bytes())
}

// EscapeJSON writes the unsafe characters of a JSON text as \u escapes, which mean the
// same. encoding/json leaves some of them as they are. Line ends between values stay.
func EscapeJSON(text []byte) (out []byte) {
	for _, r := range string(text) {
		if r != '\n' && Unsafe(r) {
			out = appendHex(out, 'u', r, 4)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}
