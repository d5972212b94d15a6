package paint

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
)

// Role is what a span means. Colour stands for meaning only.
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

// Style says what each role looks like. The zero Style is plain text. It is
// immutable and may be shared.
type Style struct {
	name  string
	pens  [roles]pen
	over  [roles]pen // above Selected
	ascii bool
}

// pen is the SGR sequence that starts a role; "" for none.
type pen string

// Name returns dark, light, ansi, mono or plain.
func (s Style) Name() string {
	if s.name == "" {
		return "plain"
	}
	return s.name
}

// Plain has no escape sequences at all: files, pipes, tests.
func Plain() Style { return Style{} }

// For returns the style of a theme (dark, light, or "" for dark) on a terminal
// of that colour profile. Without colour (NO_COLOR) bold, faint and reverse say
// what they can; the base colours of a terminal with sixteen are left to its own
// palette.
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

// Dark is for dark terminals.
func Dark() Style {
	return build("dark", palette{
		muted: hex("#8a8f98"), title: hex("#e6e6e6"), nat: hex("#5fd7d7"), fresh: hex("#87d787"), ended: hex("#6c7079"),
		warn: hex("#e5c07b"), bad: hex("#ff6b6b"), key: hex("#9fb4ff"), bar: hex("#6f9fd8"), back: hex("#2d3340"),
	})
}

// Light is for light terminals.
func Light() Style {
	return build("light", palette{
		muted: hex("#5f6670"), title: hex("#111111"), nat: hex("#00707a"), fresh: hex("#1c7a1c"), ended: hex("#8d939c"),
		warn: hex("#8a5a00"), bad: hex("#c01818"), key: hex("#2f4fb5"), bar: hex("#3b6fb0"), back: hex("#dde3ee"),
	})
}

// ANSI uses the terminal's own sixteen colours.
func ANSI() Style {
	s := build("ansi", palette{
		muted: nil, title: nil, nat: lipgloss.Cyan, fresh: lipgloss.Green, ended: lipgloss.BrightBlack,
		warn: lipgloss.Yellow, bad: lipgloss.Red, key: lipgloss.Blue, bar: lipgloss.Blue,
	})
	s.pens[Muted], s.pens[Label] = pen("\x1b[2m"), pen("\x1b[2m")
	s.pens[Selected] = pen("\x1b[7m")
	s.pens[Tab] = pen("\x1b[1;7m")
	s.pens[Chosen] = pen("\x1b[1;4m")
	s.over = Mono().over // turned round, a colour would be a block of it
	return s
}

// Mono is for NO_COLOR and terminals without colour.
func Mono() Style {
	s := Style{name: "mono"}
	bold, faint, reverse := pen("\x1b[1m"), pen("\x1b[2m"), pen("\x1b[7m")
	s.pens[Title], s.pens[Sorted], s.pens[Bad], s.pens[Key] = bold, bold, bold, bold
	s.pens[NAT], s.pens[Match] = pen("\x1b[4m"), pen("\x1b[4m")
	s.pens[Muted], s.pens[Ended] = faint, faint
	s.pens[Selected], s.pens[Tab] = reverse, reverse
	s.pens[Chosen] = bold
	s.over = s.pens
	return s
}

type palette struct {
	muted, title, nat, fresh, ended, warn, bad, key, bar, back color.Color
}

func hex(c string) color.Color { return lipgloss.Color(c) }

func build(name string, p palette) Style {
	fg := func(c color.Color) lipgloss.Style {
		if c == nil {
			return lipgloss.NewStyle()
		}
		return lipgloss.NewStyle().Foreground(c)
	}
	s := Style{name: name}
	for role, st := range map[Role]lipgloss.Style{
		Muted: fg(p.muted), Title: fg(p.title).Bold(true), Label: fg(p.muted), Sorted: fg(p.title).Bold(true),
		NAT: fg(p.nat), Arrow: fg(p.nat), New: fg(p.fresh), Ended: fg(p.ended), Warn: fg(p.warn), Bad: fg(p.bad), Key: fg(p.key),
		Match: fg(p.nat).Underline(true), Bar: fg(p.bar), Tab: fg(p.title).Bold(true).Underline(true),
	} {
		s.pens[role] = penOf(st)
	}
	s.pens[Chosen] = penOf(lipgloss.NewStyle().Bold(true).Underline(true))
	if p.back != nil {
		s.pens[Selected] = penOf(lipgloss.NewStyle().Background(p.back))
	}
	s.over = s.pens
	return s
}

// penOf returns what a style writes before the text.
func penOf(s lipgloss.Style) pen {
	before, _, _ := strings.Cut(s.Render("x"), "x")
	return pen(before)
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
