// Package paint draws text on lines: spans with a [Role], measured and cut by display width,
// and a [Style] for each role.
//
//	var l paint.Line
//	l.Add(paint.Text, "10.0.0.5:51000 ")
//	l.Add(paint.NAT, "⇒ 203.0.113.7:1024")
//	l.Fit(40)
//	out := paint.Dark.Append(nil, &l)
//
// The zero Style is plain text without escape sequences. A Line never contains escape
// sequences: each unsafe character becomes a visible escape (see [natlens/monitor.Escape]).
package paint

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"natlens/monitor"
)

// Span is a text with one role.
type Span struct {
	Role   Role
	Text   string
	Chosen bool // it is the cell under the cursor
}

// Line is one line of the screen: spans from left to right. The zero Line is empty.
type Line struct {
	Spans []Span
	Base  Role // role below every span, such as Selected; Text: none
	width int
	spots []spot
}

// spot is a range of cells with a value for clicks.
type spot struct{ from, to, value int }

// The margins of a row: the left one has the cursor, the right one the mark of new flows.
const (
	MarginLeft  = 3
	MarginRight = 2
)

// Gap is the usual number of blanks between two columns.
const Gap = 2

// Row returns a row of a list with its left margin.
func Row(cursor bool) (l Line) {
	l.Select(cursor)
	l.Pad(MarginLeft)
	return l
}

// Select marks the empty line as the one under the cursor.
func (l *Line) Select(cursor bool) {
	if cursor {
		l.Base = Selected
		l.Add(Key, " ▌")
	}
}

// Width returns the cells that the line takes.
func (l *Line) Width() int { return l.width }

// Add appends text. Unsafe characters in it become visible escapes.
func (l *Line) Add(r Role, text string) {
	if text == "" {
		return
	}
	text = safe(text)
	l.width += Width(text)
	if n := len(l.Spans); n > 0 && l.Spans[n-1].Role == r && !l.Spans[n-1].Chosen {
		l.Spans[n-1].Text += text
		return
	}
	l.Spans = append(l.Spans, Span{Role: r, Text: text})
}

// AddRight appends text, right-aligned and cut to the given width.
func (l *Line) AddRight(r Role, text string, cells int) {
	text = Cut(safe(text), cells)
	l.Pad(l.width + cells - Width(text))
	l.Add(r, text)
}

// AddLeft appends text, padded or cut to the given width.
func (l *Line) AddLeft(r Role, text string, cells int) {
	end := l.width + cells
	l.Add(r, Cut(safe(text), cells))
	l.Pad(end)
}

// AddLine appends the spans and spots of another line; its Base is ignored.
func (l *Line) AddLine(m *Line) {
	for _, s := range m.spots {
		l.spots = append(l.spots, spot{l.width + s.from, l.width + s.to, s.value})
	}
	for _, s := range m.Spans {
		if !s.Chosen {
			l.Add(s.Role, s.Text)
			continue
		}
		l.Spans = append(l.Spans, s)
		l.width += Width(s.Text)
	}
}

// Choose marks the line as the cell under the cursor.
func (l *Line) Choose() {
	for i := range l.Spans {
		l.Spans[i].Chosen = true
	}
}

// Fade gives all spans one role.
func (l *Line) Fade(r Role) {
	for i := range l.Spans {
		l.Spans[i].Role = r
	}
}

// Pad appends blanks up to the given width; a longer line stays as it is.
func (l *Line) Pad(width int) {
	if n := width - l.width; n > 0 {
		l.Spans = append(l.Spans, Span{Role: Text, Text: strings.Repeat(" ", n)})
		l.width = width
	}
}

// Fit makes the line exactly as wide as width: cut with an ellipsis, or padded.
func (l *Line) Fit(width int) {
	l.Cut(width)
	l.Pad(width)
}

// Cut shortens the line to the given width, with an ellipsis at the end.
func (l *Line) Cut(width int) {
	if l.width <= width {
		return
	}
	if width <= 0 {
		l.Spans, l.width = nil, 0
		return
	}
	at := 0
	for i := range l.Spans {
		s := &l.Spans[i]
		w := Width(s.Text)
		if at+w < width {
			at += w
			continue
		}
		s.Text = ansi.Truncate(s.Text, width-1-at, "") + "…"
		l.Spans = l.Spans[:i+1]
		l.width = at + Width(s.Text)
		l.Pad(width) // a wide character that did not fit leaves an empty cell
		return
	}
}

// Mark makes a spot of the cells that add adds, for At.
func (l *Line) Mark(value int, add func()) {
	from := l.width
	add()
	l.spots = append(l.spots, spot{from, l.width, value})
}

// At returns the value of the spot at a cell; ok is false if the cell has no spot.
func (l *Line) At(x int) (value int, ok bool) {
	for _, s := range l.spots {
		if x >= s.from && x < s.to {
			return s.value, true
		}
	}
	return 0, false
}

// safe escapes unsafe characters. Untrusted text should be escaped already; then nothing
// changes.
func safe(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r == '\uFFFD' || monitor.Unsafe(r) }) {
		return monitor.Escape(text)
	}
	return text
}
