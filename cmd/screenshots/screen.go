//go:build linux

package main

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"natlens/monitor"
)

// screen is a captured screen, a row of spans a line.
type screen [][]span

// span is text that stands in cells next to each other and looks the same.
type span struct {
	at, cells int
	pen       pen
	text      string
}

// parse reads what `tmux capture-pane -e -p` prints: lines of text with SGR
// sequences, whose effect lasts beyond the end of a line. Every other sequence is
// dropped; what no terminal shows and XML may not hold becomes U+FFFD.
//
// A span of ASCII and one of other runes never are the same span: a font that has
// no arrows borrows them from another one, in which they may be wider. Neither are
// blocks and text: the former are drawn as what they are.
func parse(text string) screen {
	var s screen
	var row []span
	var p pen
	var state byte
	at := 0
	for text = strings.TrimSuffix(text, "\n"); text != ""; {
		seq, cells, n, next := ansi.DecodeSequence(text, state, nil)
		text, state = text[n:], next
		switch {
		case seq == "\n":
			s, row, at = append(s, row), nil, 0
			state = ansi.NormalState
		case cells > 0:
			row = put(row, span{at, cells, p, visible(seq)})
			at += cells
		case strings.HasPrefix(seq, "\x1b[") && strings.HasSuffix(seq, "m"):
			p.apply(seq[2 : len(seq)-1])
		case seq < " " || seq == "\x7f": // a control character, or another sequence
		case visible(seq) == seq && len(row) > 0: // a mark on what stands before it
			row[len(row)-1].text += seq
		default:
			row = put(row, span{at, 1, p, "\uFFFD"})
			at++
		}
	}
	return append(s, row)
}

// put adds a span to a row, to the last one if they look the same.
func put(row []span, s span) []span {
	if len(row) > 0 {
		last := &row[len(row)-1]
		if last.pen == s.pen && ascii(last.text) == ascii(s.text) && (height(last.text) > 0) == (height(s.text) > 0) {
			last.text += s.text
			last.cells += s.cells
			return row
		}
	}
	return append(row, s)
}

func ascii(text string) bool { return text[0] < utf8.RuneSelf }

// visible replaces the runes that are not to be shown.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if monitor.Unsafe(r) || r == 0xFFFE || r == 0xFFFF {
			return utf8.RuneError
		}
		return r
	}, text)
}

// String returns the text alone.
func (s screen) String() string {
	var b strings.Builder
	for _, row := range s {
		for _, span := range row {
			b.WriteString(span.text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
