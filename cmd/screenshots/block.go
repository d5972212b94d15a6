//go:build linux

package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// height is how many eighths of its cell the block at the beginning of a text
// fills, from below; 0 for other text. Bars are drawn of these (U+2581 to U+2588):
// a font's own are rarely as high as the line, and columns of them come apart.
func height(text string) int {
	if r, _ := utf8.DecodeRuneInString(text); r >= '▁' && r <= '█' {
		return int(r-'▁') + 1
	}
	return 0
}

// drawBlocks draws a span of blocks whose cells begin at top. Neighbours of the
// same height are one rectangle.
func drawBlocks(b *strings.Builder, s span, top int) {
	fg, _ := s.pen.colours()
	blocks := []rune(s.text)
	for from := 0; from < len(blocks); {
		to := from + 1
		for to < len(blocks) && blocks[to] == blocks[from] {
			to++
		}
		high := float64(height(string(blocks[from]))*cellHeight) / 8
		fmt.Fprintf(b, "<rect x=\"%d\" y=\"%g\" width=\"%d\" height=\"%g\" fill=\"%s\"/>\n",
			margin+(s.at+from)*cellWidth, float64(top+cellHeight)-high, (to-from)*cellWidth, high, fg)
		from = to
	}
}
