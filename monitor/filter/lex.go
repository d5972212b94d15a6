package filter

import (
	"cmp"
	"regexp"
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
	tokRegexp           // ~ /…/, without these in text
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

// pieces are what a text begins with: blanks, a text in quotes, a search for a regular expression, an operator, a
// word, number or address, or what no token begins with.
var pieces = regexp.MustCompile(`(?s)^(?:([\s\v\x{85}\pZ]+)|("(?:[^"\\]|\\.)*")|` +
	`~\s*/((?:[^/\\]|\\.)*)/|(==|!=|<=|>=|&&|\|\||\.\.|[(){},=<>!&~])|` +
	`(\[[\w:.]+\]:\w+|[\w:/+.*-]+)|\pL[\pL\p{Nd}]*|.)`)

// badPieces are the messages about pieces that are no token.
var badPieces = map[string]string{"|": "or is written or, or ||", "'": `text is quoted "like this"`,
	`"`: "the quote is not closed"}

// lex splits a text into tokens. The last one is tokEnd. Invalid text becomes a tokBad, which
// the parser reports when it reaches it.
func lex(text string) (out []token) {
	for at := 0; at < len(text); {
		piece := pieces.FindStringSubmatch(text[at:])
		t := token{tokOp, piece[0], at, at + len(piece[0])}
		blanks, quoted, operator, word := piece[1], piece[2], piece[4], piece[5]
		switch at = t.end; {
		case blanks != "":
			continue
		case quoted != "":
			s, err := strconv.Unquote(quoted)
			if t.kind, t.text = tokString, s; err != nil {
				t.kind, t.text = tokBad, "not a quoted text"
			}
		case strings.HasPrefix(piece[0], "~") && operator == "":
			t.kind, t.text = tokRegexp, piece[3]
		case word != "": // two points are an operator: 1024..2047
			t.text, _, _ = strings.Cut(word, "..")
			t.kind, t.end = tokAtom, t.pos+len(t.text)
		case operator == "":
			if t.kind, t.text = tokBad, badPieces[piece[0]]; piece[0] == `"` {
				t.end = len(text)
			}
			if r, _ := utf8.DecodeRuneInString(piece[0]); unicode.IsLetter(r) {
				t.text = "unknown word"
			}
			if len(out) > 0 && out[len(out)-1].is("~") {
				t.text = searchHint
			}
			t.text = cmp.Or(t.text, "no filter has this character")
		}
		out, at = append(out, t), t.end
	}
	return append(out, token{tokEnd, "", len(text), len(text)})
}

// fold returns a word in lower case with underscores instead of hyphens.
func fold(word string) string {
	return strings.ReplaceAll(strings.ToLower(word), "-", "_")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
