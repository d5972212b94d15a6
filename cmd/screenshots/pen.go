//go:build linux

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// colour is a colour as CSS writes it; "" is the terminal's own.
type colour string

// pen is how text looks: what SGR sequences (ECMA-48, 8.3.117) set.
type pen struct {
	fg, bg                                           colour
	bold, faint, italic, underline, reverse, crossed bool
}

// The colours of the picture's terminal.
const (
	ground colour = "#16181d"
	ink    colour = "#d3d7de"
)

// base are the sixteen colours that a terminal gives names to, and its user
// values.
var base = [16]colour{
	"#2b2f38", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4",
	"#5c6370", "#ff7b86", "#b1e08f", "#ffd68a", "#7cc4ff", "#de9bf0", "#73d5e0", "#ffffff",
}

// apply carries out the parameters of an SGR sequence. What it does not know it
// leaves out, as terminals do.
func (p *pen) apply(params string) {
	list := strings.Split(params, ";")
	for i := 0; i < len(list); i++ {
		sub := strings.Split(list[i], ":")
		n, err := strconv.Atoi(sub[0])
		if err != nil && sub[0] != "" {
			continue
		}
		switch {
		case n == 38 || n == 48:
			c, used, ok := extended(sub[1:], list[i+1:])
			i += used
			if ok && n == 38 {
				p.fg = c
			} else if ok {
				p.bg = c
			}
		case n == 4 && len(sub) > 1:
			p.underline = sub[1] != "0"
		case n >= 30 && n <= 37:
			p.fg = base[n-30]
		case n >= 40 && n <= 47:
			p.bg = base[n-40]
		case n >= 90 && n <= 97:
			p.fg = base[n-90+8]
		case n >= 100 && n <= 107:
			p.bg = base[n-100+8]
		default:
			p.set(n)
		}
	}
}

// set carries out a parameter that stands alone.
func (p *pen) set(n int) {
	switch n {
	case 0:
		*p = pen{}
	case 1:
		p.bold = true
	case 2:
		p.faint = true
	case 3:
		p.italic = true
	case 4, 21:
		p.underline = true
	case 7:
		p.reverse = true
	case 9:
		p.crossed = true
	case 22:
		p.bold, p.faint = false, false
	case 23:
		p.italic = false
	case 24:
		p.underline = false
	case 27:
		p.reverse = false
	case 29:
		p.crossed = false
	case 39:
		p.fg = ""
	case 49:
		p.bg = ""
	}
}

// extended reads a colour of 256 or of all: 5;n or 2;r;g;b. With colons its
// numbers stand in sub, where a colour space may precede r; with semicolons in
// the parameters that follow, of which it used so many.
func extended(sub, rest []string) (c colour, used int, ok bool) {
	from := sub
	if len(sub) == 0 {
		from = rest
	} else if len(sub) == 5 && sub[0] == "2" {
		from = append([]string{"2"}, sub[2:]...)
	}
	length := 0
	switch {
	case len(from) >= 2 && from[0] == "5":
		length = 2
	case len(from) >= 4 && from[0] == "2":
		length = 4
	default:
		return "", 0, false
	}
	if len(sub) == 0 {
		used = length
	}
	var n [4]uint8
	for i, text := range from[:length] {
		v, err := strconv.ParseUint(text, 10, 8)
		if err != nil {
			return "", used, false
		}
		n[i] = uint8(v)
	}
	if length == 2 {
		return indexed(n[1]), used, true
	}
	return rgb(n[1], n[2], n[3]), used, true
}

// indexed is xterm's palette: sixteen colours, a cube of 6×6×6, and 24 greys.
func indexed(n uint8) colour {
	switch {
	case n < 16:
		return base[n]
	case n >= 232:
		grey := 8 + 10*(n-232)
		return rgb(grey, grey, grey)
	}
	level := [6]uint8{0, 95, 135, 175, 215, 255}
	n -= 16
	return rgb(level[n/36], level[n/6%6], level[n%6])
}

func rgb(r, g, b uint8) colour { return colour(fmt.Sprintf("#%02x%02x%02x", r, g, b)) }

// colours returns what to draw with: reverse has changed places, and faint text
// lies halfway to its background.
func (p pen) colours() (fg, bg colour) {
	fg, bg = p.fg, p.bg
	if fg == "" {
		fg = ink
	}
	if bg == "" {
		bg = ground
	}
	if p.reverse {
		fg, bg = bg, fg
	}
	if p.faint {
		fg = between(fg, bg)
	}
	return fg, bg
}

func between(a, b colour) colour {
	var x, y [3]uint8
	fmt.Sscanf(string(a), "#%02x%02x%02x", &x[0], &x[1], &x[2])
	fmt.Sscanf(string(b), "#%02x%02x%02x", &y[0], &y[1], &y[2])
	mid := func(i int) uint8 { return uint8((int(x[i]) + int(y[i])) / 2) }
	return rgb(mid(0), mid(1), mid(2))
}
