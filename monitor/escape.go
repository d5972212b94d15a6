package monitor

import (
	"bytes"
	"unicode/utf8"
)

// This file is the one escaper of text that was not made here: helper names,
// security contexts, labels, DNS names, recordings. Whatever goes to a terminal
// or into a file of lines passes it, so that no foreign byte moves the cursor,
// ends a line or turns the reading direction.

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
	if n := plainPrefix(text); n > 0 {
		dst, text = append(dst, text[:n]...), text[n:]
	}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size <= 1:
			dst = appendHexByte(dst, text[0])
		case r == '\\':
			dst = append(dst, `\\`...)
		case Unsafe(r):
			dst = appendUnsafe(dst, r)
		default:
			dst = append(dst, text[:size]...)
		}
		text = text[size:]
	}
	return dst
}

// AppendMessage appends a message for people, in which names, arguments and errors may
// contain anything. It escapes what AppendEscaped does, but for the backslash: text that
// was escaped before stays as it is.
func AppendMessage(dst, text []byte) []byte {
	for part := range bytes.SplitAfterSeq(text, []byte(`\`)) {
		part, ended := bytes.CutSuffix(part, []byte(`\`))
		dst = AppendEscaped(dst, part)
		if ended {
			dst = append(dst, '\\')
		}
	}
	return dst
}

// Escape is [AppendEscaped] for a string, and returns it unchanged when nothing
// in it needs an escape.
func Escape(text string) string {
	for i := 0; i < len(text); i++ {
		if !plainByte(text[i]) {
			return string(AppendEscaped(nil, []byte(text)))
		}
	}
	return text
}

// plainByte reports whether a byte is ASCII that needs no escape.
func plainByte(c byte) bool { return c >= 0x20 && c < 0x7f && c != '\\' }

func plainPrefix(text []byte) int {
	for i, c := range text {
		if !plainByte(c) {
			return i
		}
	}
	return len(text)
}

func appendUnsafe(dst []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if r < 0x80 {
		return appendHexByte(dst, byte(r))
	}
	return appendRune(dst, r)
}

func appendHexByte(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'x', hex[c>>4], hex[c&15])
}

// EscapeJSON writes the unsafe characters of a JSON text as \u escapes, which mean the
// same. encoding/json leaves some of them as they are. Line ends between values stay.
func EscapeJSON(text []byte) []byte {
	if bytes.IndexFunc(text, func(r rune) bool { return r != '\n' && Unsafe(r) }) < 0 {
		return text
	}
	out := make([]byte, 0, 2*len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r != '\n' && Unsafe(r) {
			out = appendRune(out, r)
		} else {
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	return out
}

// appendRune appends \u and four digits.
func appendRune(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
