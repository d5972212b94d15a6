package paint

import (
	"strings"

	"github.com/charmbracelet/colorprofile"
)

// Role is the meaning of a span. Colours depend only on it.
type Role uint8

// The roles.
const (
	Text     Role = iota
	Muted         // explanations: units, separators, hints
	Title         // names of pages and sections
	Label         // column heads, names of attributes
	Sorted        // the head of the sorted column
	NAT           // what NAT rewrote
	Arrow         // the sign before it
	New           // a new flow
	Ended         // an ended flow
	Warn          // unanswered, 70 % full
	Bad           // loss, errors, 90 % full
	Key           // a key to press
	Match         // the marked part of a line: the place of an error, a completion
	Bar           // filled cells of bars and sparklines
	Selected      // base of the line under the cursor
	Tab           // the page that is open
	Chosen        // the cell under the cursor, over its role
	roles
)

// Style defines the colours and attributes of each role. The zero Style is plain text. It is immutable and may be
// shared.
type Style struct {
	pens  pens
	over  pens // on the line under the cursor
	ascii bool
}

// pens are the SGR parameters of the roles; "" for none.
type pens [roles]string

// For returns the style for a theme (dark, light, or "" for dark) and the colour profile of a
// terminal. A terminal with sixteen colours uses its own palette. A terminal without colour, or
// with NO_COLOR, uses bold, faint, underline and reverse.
func For(theme string, p colorprofile.Profile) Style {
	switch {
	case p <= colorprofile.NoTTY:
		return Plain
	case p == colorprofile.ASCII:
		return Mono
	case p == colorprofile.ANSI:
		return ANSI
	case theme == "light":
		return Light
	}
	return Dark
}

// The styles: without escape sequences, for dark and light terminals, for the terminal's own
// sixteen colours, and for NO_COLOR and terminals without colour. In SGR, 1 is bold, 2 faint,
// 4 underlined and 7 reversed. (A second 4 behind some changes nothing; the golden screens have
// it.)
var (
	Plain = Style{}

	Dark = colours(palette{text: "230;230;230", muted: "138;143;152", nat: "95;215;215",
		fresh: "135;215;135", ended: "108;112;121", warn: "229;192;123", bad: "255;107;107", key: "159;180;255",
		bar: "111;159;216", back: "45;51;64"})

	Light = colours(palette{text: "17;17;17", muted: "95;102;112", nat: "0;112;122",
		fresh: "28;122;28", ended: "141;147;156", warn: "138;90;0", bad: "192;24;24", key: "47;79;181",
		bar: "59;111;176", back: "221;227;238"})

	ANSI = Style{over: mono, pens: pens{ // reversed, because a colour would make a block
		Muted: "2", Title: "1", Label: "2", Sorted: "1", NAT: "36", Arrow: "36", New: "32", Ended: "90", Warn: "33",
		Bad: "31", Key: "94", Match: "4;36;4", Bar: "94", Selected: "7", Tab: "1;7", Chosen: "1;4"}}

	Mono = Style{pens: mono, over: mono}

	mono = pens{Muted: "2", Title: "1", Sorted: "1", NAT: "4", Ended: "2", Bad: "1", Key: "1", Match: "4",
		Selected: "7", Tab: "7", Chosen: "1"}
)

// palette is colours, as red;green;blue.
type palette struct{ text, muted, nat, fresh, ended, warn, bad, key, bar, back string }

func colours(p palette) Style {
	const fg = "38;2;"
	all := pens{Muted: fg + p.muted, Title: "1;" + fg + p.text, Label: fg + p.muted, Sorted: "1;" + fg + p.text,
		NAT: fg + p.nat, Arrow: fg + p.nat, New: fg + p.fresh, Ended: fg + p.ended, Warn: fg + p.warn, Bad: fg + p.bad,
		Key: fg + p.key, Match: "4;" + fg + p.nat + ";4", Bar: fg + p.bar, Selected: "48;2;" + p.back,
		Tab: "1;4;" + fg + p.text + ";4", Chosen: "1;4;4"}
	return Style{pens: all, over: all}
}

// Append appends the line to dst.
func (s *Style) Append(dst []byte, l *Line) []byte {
	pens, on := &s.pens, false
	if l.Base == Selected {
		pens = &s.over
	}
	for _, sp := range l.Spans {
		all := [...]string{s.pens[l.Base], pens[sp.Role], s.pens[Chosen]}
		if sp.Role == l.Base {
			all[1] = ""
		}
		if !sp.Chosen {
			all[2] = ""
		}
		if on {
			dst = append(dst, "\x1b[m"...)
		}
		on = false
		for _, pen := range all {
			if pen != "" {
				on = true
				dst = append(append(append(dst, "\x1b["...), pen...), 'm')
			}
		}
		text := sp.Text
		if s.ascii {
			text = ascii(text)
		}
		dst = append(dst, text...)
	}
	if on {
		dst = append(dst, "\x1b[m"...)
	}
	return dst
}

// signs are the ASCII replacements of the UI's signs, equally wide.
var signs = func() map[rune]string {
	pairs := strings.Fields("→ > ← < ⇒ = ↑ ^ ↓ v ▲ ^ ▼ v … ~ – - − - ─ - ━ = ╸ - ▌ > ▶ > ❚ | ● * × x · . ✓ + ✗ x " +
		"▁ _ ▂ . ▃ : ▄ - ▅ = ▆ + ▇ * █ #")
	m := make(map[rune]string)
	for i := 0; i < len(pairs); i += 2 {
		m[[]rune(pairs[i])[0]] = pairs[i+1]
	}
	return m
}()

// ASCII returns the style for a terminal that shows only ASCII, such as with LC_ALL=C. Other
// characters become question marks.
func (s Style) ASCII() Style {
	s.ascii = true
	return s
}

// ascii returns text in ASCII, equally wide.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		sign, ok := signs[r]
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case ok:
			b.WriteString(sign)
		default:
			b.WriteString(strings.Repeat("?", Width(string(r))))
		}
	}
	return b.String()
}
