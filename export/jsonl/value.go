package jsonl

import (
	"unicode/utf8"

	"natlens/export/text"
	"natlens/monitor"
)

// In the functions below, name is the text before a value: comma, name, colon, and the first
// quote of a string.

func num(b []byte, name string, v uint64) []byte { return text.AppendUint(append(b, name...), v) }

func numIf(b []byte, known bool, name string, v uint64) []byte {
	if known {
		b = num(b, name, v)
	}
	return b
}

// word appends text that needs no escape.
func word(b []byte, name, value string) []byte {
	return append(append(append(b, name...), value...), '"')
}

func flag(b []byte, member string, set bool) []byte {
	if set {
		b = append(b, member...)
	}
	return b
}

// object is an object whose members each begin with a comma. The first comma becomes the brace.
// An object without members is removed.
type object struct{ name, members int } // where they begin

func openObject(b []byte, name string) ([]byte, object) {
	return append(b, name...), object{len(b), len(b) + len(name)}
}

func (o object) close(b []byte) []byte {
	if len(b) == o.members {
		return b[:o.name]
	}
	b[o.members] = '{'
	return append(b, '}')
}

// appendText appends untrusted text as a JSON string. Every character that
// [monitor.Unsafe] names is written as \u…, so that a line is harmless in a terminal and
// exact for a parser. Bytes that are not UTF-8 become U+FFFD, as in encoding/json.
func appendText(b, text []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for len(text) > 0 {
		c := text[0]
		if c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			b, text = append(b, c), text[1:]
			continue
		}
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size <= 1:
			b = append(b, `\ufffd`...)
		case r == '"' || r == '\\':
			b = append(b, '\\', c)
		case monitor.Unsafe(r):
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			b = append(b, text[:size]...)
		}
		text = text[size:]
	}
	return append(b, '"')
}
