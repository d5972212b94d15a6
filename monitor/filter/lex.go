package filter

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokAtom             // a word, number, address …
	tokString           // "…", unquoted in text
	tokOp               // an operator or a bracket
	tokBad              // not a token; text is the error message
)

// token is a piece of the text, with its place in bytes.
type token struct {
	kind     tokenKind
	text     string
	pos, end int
}

func (t token) is(op string) bool { return t.kind == tokOp && t.text == op }

// isWord reports whether the token is this word, in any case.
func (t token) isWord(word string) bool { return t.kind == tokAtom && fold(t.text) == word }

// cut splits the token at the first sep. Without one, after is a tokEnd.
func (t token) cut(sep byte) (before, after token) {
	i := strings.IndexByte(t.text, sep)
	if t.kind != tokAtom || i < 0 {
		return t, token{}
	}
	return token{tokAtom, t.text[:i], t.pos, t.pos + i}, token{tokAtom, t.text[i+1:], t.pos + i + 1, t.end}
}

// operators, the longer ones first.
var operators = []string{"==", "!=", "<=", ">=", "&&", "||", "..", "(", ")", "{", "}", ",", "=", "<", ">", "!", "&"}

// lex splits a text into tokens. The last one is tokEnd. Invalid text becomes a tokBad, which
// the parser reports when it reaches it.
func lex(text string) []token {
	var out []token
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.IsSpace(r):
			i += n
			continue
		case r == '"':
			out = append(out, lexString(text, i))
		case isAtom(text, i):
			j := i + 1
			for j < len(text) && isAtom(text, j) {
				j++
			}
			out = append(out, token{tokAtom, text[i:j], i, j})
		default:
			out = append(out, lexOperator(text, i, n))
		}
		i = out[len(out)-1].end
	}
	return append(out, token{tokEnd, "", len(text), len(text)})
}

// isAtom reports whether the byte at i belongs to a word, number or address. Two dots are an
// operator: 1024..2047.
func isAtom(text string, i int) bool {
	switch c := text[i]; {
	case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		return true
	case c == '_', c == ':', c == '/', c == '-', c == '+':
		return true
	case c == '.':
		return !strings.HasPrefix(text[i:], "..") && (i == 0 || text[i-1] != '.')
	}
	return false
}

func lexOperator(text string, i, n int) token {
	for _, op := range operators {
		if strings.HasPrefix(text[i:], op) {
			return token{tokOp, op, i, i + len(op)}
		}
	}
	switch text[i] {
	case '|':
		return token{tokBad, "or is written or, or ||", i, i + n}
	case '\'':
		return token{tokBad, `text is quoted "like this"`, i, i + n}
	}
	if r, _ := utf8.DecodeRuneInString(text[i:]); unicode.IsLetter(r) {
		end := i
		for end < len(text) {
			r, n := utf8.DecodeRuneInString(text[end:])
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				break
			}
			end += n
		}
		return token{tokBad, "unknown word", i, end}
	}
	return token{tokBad, "no filter has this character", i, i + n}
}

// lexString reads a text in double quotes, with Go's escapes.
func lexString(text string, i int) token {
	j := i + 1
	for j < len(text) && text[j] != '"' {
		if text[j] == '\\' {
			j++
		}
		j++
	}
	if j >= len(text) {
		return token{tokBad, "the quote is not closed", i, len(text)}
	}
	j++
	s, err := strconv.Unquote(text[i:j])
	if err != nil {
		return token{tokBad, "not a quoted text", i, j}
	}
	return token{tokString, s, i, j}
}

// fold returns a word in lower case with underscores instead of hyphens.
func fold(word string) string {
	return strings.ReplaceAll(strings.ToLower(word), "-", "_")
}
