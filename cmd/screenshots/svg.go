//go:build linux

package main

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A cell of the picture and the margin around all cells, in pixels. Most
// monospace fonts are 0.6 em wide.
const (
	cellWidth  = 9
	cellHeight = 19
	fontSize   = 15
	baseline   = 14 // from the top of a cell
	margin     = 14
)

// fonts has those first whose arrows and blocks are as wide as their letters.
const fonts = `"DejaVu Sans Mono",Menlo,Consolas,"Liberation Mono",monospace`

// picture is a screen to be drawn.
type picture struct {
	title  string // for those who don't see it
	cols   int
	rows   screen
	cursor *cell // nil: not shown
}

// cell is a place on a screen, from 0.
type cell struct{ x, y int }

// SVG draws the picture. Text stays text; each span is put at its cell and made
// as wide as its cells, so that columns stand whatever the reader's font is.
func (p *picture) SVG() string {
	var body strings.Builder
	var styles styleSheet
	for y, row := range p.rows {
		top := margin + y*cellHeight
		for _, s := range merged(row, p.cols) {
			_, bg := s.pen.colours()
			fmt.Fprintf(&body, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n",
				margin+s.at*cellWidth, top, s.cells*cellWidth, cellHeight, bg)
		}
		if p.cursor != nil && p.cursor.y == y {
			fmt.Fprintf(&body, "<rect x=\"%d\" y=\"%d\" width=\"2\" height=\"%d\" fill=\"%s\"/>\n",
				margin+p.cursor.x*cellWidth, top, cellHeight, ink)
		}
		for _, s := range row {
			if height(s.text) > 0 {
				drawBlocks(&body, s, top)
			}
		}
		if text := textLine(row, &styles); text != "" {
			fmt.Fprintf(&body, "<text y=\"%d\">%s</text>\n", top+baseline, text)
		}
	}
	width, height := 2*margin+p.cols*cellWidth, 2*margin+len(p.rows)*cellHeight
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" xml:space=\"preserve\" role=\"img\">\n",
		width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>\ntext{font:%dpx %s;fill:%s;white-space:pre}\n", escaped(visible(p.title)), fontSize, fonts, ink)
	styles.write(&b)
	fmt.Fprintf(&b, "</style>\n<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"%s\"/>\n", ground)
	return b.String() + body.String() + "</svg>\n"
}

// merged returns the stretches of a row that have a background of their own. One
// that is all of the row is so to the edge: what was cleared there is not captured.
func merged(row []span, cols int) []span {
	var out []span
	for _, s := range row {
		_, bg := s.pen.colours()
		if bg == ground {
			continue
		}
		if n := len(out) - 1; n >= 0 && out[n].at+out[n].cells == s.at {
			if _, before := out[n].pen.colours(); before == bg {
				out[n].cells += s.cells
				continue
			}
		}
		out = append(out, s)
	}
	if last := len(row) - 1; len(out) == 1 && out[0].at == 0 && out[0].cells == row[last].at+row[last].cells {
		out[0].cells = cols
	}
	return out
}

// textLine draws the spans of a row that are neither blank nor blocks.
func textLine(row []span, styles *styleSheet) string {
	var b strings.Builder
	for _, s := range row {
		if !s.pen.underline && !s.pen.crossed {
			s = trimmed(s)
		}
		if s.text == "" || height(s.text) > 0 {
			continue
		}
		fmt.Fprintf(&b, "<tspan x=\"%d\"", margin+s.at*cellWidth)
		if s.cells > 1 {
			fmt.Fprintf(&b, " textLength=\"%d\"", s.cells*cellWidth)
		}
		if class := styles.class(s.pen); class != "" {
			fmt.Fprintf(&b, " class=\"%s\"", class)
		}
		fmt.Fprintf(&b, ">%s</tspan>", escaped(s.text))
	}
	return b.String()
}

// trimmed takes the blanks off both ends of a span.
func trimmed(s span) span {
	text := strings.TrimLeft(s.text, " ")
	s.at += len(s.text) - len(text)
	s.text = strings.TrimRight(text, " ")
	s.cells = ansi.StringWidth(s.text)
	return s
}

// styleSheet names the ways in which text looks, in the order of their first use.
type styleSheet struct{ rules []string }

// class returns the name for a pen; "" for plain text.
func (s *styleSheet) class(p pen) string {
	rule := p.css()
	if rule == "" {
		return ""
	}
	for i, r := range s.rules {
		if r == rule {
			return className(i)
		}
	}
	s.rules = append(s.rules, rule)
	return className(len(s.rules) - 1)
}

func (s *styleSheet) write(b *strings.Builder) {
	for i, r := range s.rules {
		fmt.Fprintf(b, ".%s{%s}\n", className(i), r)
	}
}

// className is a, b, … z, ba, bb, …
func className(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return className(i/26) + className(i%26)
}

// css is how text looks, without its background.
func (p pen) css() string {
	var parts []string
	if fg, _ := p.colours(); fg != ink {
		parts = append(parts, "fill:"+string(fg))
	}
	if p.bold {
		parts = append(parts, "font-weight:700")
	}
	if p.italic {
		parts = append(parts, "font-style:italic")
	}
	switch {
	case p.underline && p.crossed:
		parts = append(parts, "text-decoration:underline line-through")
	case p.underline:
		parts = append(parts, "text-decoration:underline")
	case p.crossed:
		parts = append(parts, "text-decoration:line-through")
	}
	return strings.Join(parts, ";")
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
