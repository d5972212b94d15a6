package paint

import (
	"cmp"
	"strings"

	"github.com/charmbracelet/colorprofile"
)

// Role is what a span means. Colour has meaning only.
type Role uint8

// The roles.
const (
	Text     Role = iota
	Muted         // what explains: units, separators, hints
	Title         // names of pages and sections
	Label         // column heads, names of attributes
	Sorted        // the head of the column that sorts
	NAT           // what NAT rewrote
	Arrow         // the sign before it
	New           // a flow that has just come
	Ended         // a flow that is gone
	Warn          // unanswered, 70 % full
	Bad           // loss, errors, 90 % full
	Key           // a key to press
	Match         // the part of a line that is meant: an error's column, a completion
	Bar           // filled cells of bars and sparklines
	Selected      // base of the line under the cursor
	Tab           // the page that is open
	Chosen        // the cell under the cursor, above what it means
	roles
)

// Style says what each role looks like. The zero Style is plain text. It is immutable and
// may be shared.
type Style struct {
	name  string
	pens  pens
	over  pens // on the line under the cursor
	ascii bool
}

// pens are the SGR sequences that start the roles; "" for none.
type pens [roles]string

// Name returns dark, light, ansi, mono or plain.
func (s Style) Name() string { return cmp.Or(s.name, "plain") }

// For returns the style of a theme (dark, light, or "" for dark) on a terminal of that
// colour profile. A terminal with sixteen colours uses its own palette; one without colour,
// or with NO_COLOR, has bold, faint, underline and reverse.
func For(theme string, p colorprofile.Profile) Style {
	switch {
	case p <= colorprofile.NoTTY:
		return Plain()
	case p == colorprofile.ASCII:
		return Mono()
	case p == colorprofile.ANSI:
		return ANSI()
	case theme == "light":
		return Light()
	}
	return Dark()
}

// sgr is a sequence with these parameters. (The golden screens have a second 4, underline,
// behind some; it changes nothing.)
func sgr(parameters string) string { return "\x1b[" + parameters + "m" }

const (
	bold      = "1"
	faint     = "2"
	underline = "4"
	reverse   = "7"
)

// Plain has no escape sequences: files, pipes, tests.
func Plain() Style { return Style{} }

// Dark is for dark terminals.
func Dark() Style {
	return colours("dark", palette{text: "230;230;230", muted: "138;143;152", nat: "95;215;215", fresh: "135;215;135",
		ended: "108;112;121", warn: "229;192;123", bad: "255;107;107", key: "159;180;255", bar: "111;159;216",
		back: "45;51;64"})
}

// Light is for light terminals.
func Light() Style {
	return colours("light", palette{text: "17;17;17", muted: "95;102;112", nat: "0;112;122",
		fresh: "28;122;28",
		ended: "141;147;156", warn: "138;90;0", bad: "192;24;24", key: "47;79;181", bar: "59;111;176",
		back: "221;227;238"})
}

// palette is colours, as red;green;blue.
type palette struct{ text, muted, nat, fresh, ended, warn, bad, key, bar, back string }

func colours(name string, p palette) Style {
	fg := func(before, colour string) string { return sgr(before + "38;2;" + colour) }
	s := Style{name: name, pens: pens{
		Muted: fg("", p.muted), Title: fg("1;", p.text), Label: fg("", p.muted), Sorted: fg("1;", p.text),
		NAT: fg("", p.nat), Arrow: fg("", p.nat), New: fg("", p.fresh), Ended: fg("", p.ended), Warn: fg("", p.warn),
		Bad: fg("", p.bad), Key: fg("", p.key), Match: fg("4;", p.nat+";4"), Bar: fg("", p.bar),
		Selected: sgr("48;2;" + p.back), Tab: fg("1;4;", p.text+";4"), Chosen: sgr("1;4;4"),
	}}
	s.over = s.pens
	return s
}

// ANSI uses the terminal's own sixteen colours.
func ANSI() Style {
	cyan, green, grey, yellow, red, blue := sgr("36"), sgr("32"), sgr("90"), sgr("33"), sgr("31"), sgr("34")
	return Style{name: "ansi", over: Mono().pens, pens: pens{ // reversed, a colour would be a block of it
		Muted: sgr(faint), Title: sgr(bold), Label: sgr(faint), Sorted: sgr(bold), NAT: cyan, Arrow: cyan, New: green,
		Ended: grey, Warn: yellow, Bad: red, Key: blue, Match: sgr("4;36;4"), Bar: blue,
		Selected: sgr(reverse), Tab: sgr("1;7"), Chosen: sgr("1;4"),
	}}
}

// Mono is for NO_COLOR and terminals without colour.
func Mono() Style {
	s := Style{name: "mono", pens: pens{
		Muted: sgr(faint), Title: sgr(bold), Sorted: sgr(bold), NAT: sgr(underline), Ended: sgr(faint), Bad: sgr(bold),
		Key: sgr(bold), Match: sgr(underline), Selected: sgr(reverse), Tab: sgr(reverse), Chosen: sgr(bold),
	}}
	s.over = s.pens
	return s
}

// Append appends the line to dst.
func (s *Style) Append(dst []byte, l *Line) []byte {
	under, on, pens := s.pens[l.Base], false, &s.pens
	if l.Base == Selected {
		pens = &s.over
	}
	for _, sp := range l.Spans {
		over := pens[sp.Role]
		if sp.Role == l.Base {
			over = ""
		}
		if sp.Chosen {
			over += s.pens[Chosen]
		}
		if on {
			dst = append(dst, "\x1b[m"...)
		}
		on = under != "" || over != ""
		text := sp.Text
		if s.ascii {
			text = ascii(text)
		}
		dst = append(append(append(dst, under...), over...), text...)
	}
	if on {
		dst = append(dst, "\x1b[m"...)
	}
	return dst
}

// Lines joins lines with newlines; blanks at their ends are left out.
func (s *Style) Lines(lines []Line) string {
	var b []byte
	for i := range lines {
		if i > 0 {
			b = append(b, '\n')
		}
		l := lines[i]
		l.trim()
		b = s.Append(b, &l)
	}
	return string(b)
}

// trim takes blanks off the end.
func (l *Line) trim() {
	for n := len(l.Spans); n > 0; n-- {
		t := strings.TrimRight(l.Spans[n-1].Text, " ")
		if t == l.Spans[n-1].Text {
			return
		}
		l.width -= len(l.Spans[n-1].Text) - len(t)
		if t != "" {
			l.Spans = append(l.Spans[:n-1:n-1], l.Spans[n-1])
			l.Spans[n-1].Text = t
			return
		}
		l.Spans = l.Spans[:n-1]
	}
}
