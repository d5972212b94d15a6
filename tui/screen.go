package tui

import (
	"cmp"
	"fmt"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"natlens/tui/filterbar"
	"natlens/tui/keys"
	"natlens/tui/paint"
)

// The smallest screen on which the UI works.
const (
	minWidth  = 60
	minHeight = 16
)

// The screen from top to bottom: the pages, the filter (with two more lines while it is typed),
// the position of a recording, the banner, the page, the keys.

func (m *Model) resize(width, height int) {
	m.width, m.height = width, height
	m.banner = m.watch.Banner(width)
	room := m.bodyHeight()
	for _, p := range m.pages {
		p.Resize(width, room)
	}
	m.help.resize(width, room)
	if m.list != nil {
		m.list.Resize(width, room)
	}
	if m.detail.Open {
		m.detail.Resize(width, room)
	}
}

// bodyTop is the first line of the page.
func (m *Model) bodyTop() int {
	top := 2
	if m.bar.Open {
		top += filterbar.Lines - 1
	}
	if m.cfg.Player != nil {
		top++
	}
	return top + len(m.banner)
}

func (m *Model) bodyHeight() int { return max(4, m.height-m.bodyTop()-1) }

// View draws the computed lines.
func (m *Model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	if !m.cfg.NoMouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	v.WindowTitle = "natlens"
	if m.width < minWidth || m.height < minHeight {
		var l paint.Line
		l.Add(paint.Text, fmt.Sprintf("natlens needs %d×%d cells; this is %d×%d", minWidth, minHeight, m.width,
			m.height))
		v.Content = string(m.theme.style.Append(nil, &l))
		return v
	}
	lines, cursor := m.lines()
	var b []byte
	for i := range lines {
		if i > 0 {
			b = append(b, '\n')
		}
		lines[i].Cut(m.width)
		b = m.theme.style.Append(b, &lines[i])
	}
	v.Content = string(b)
	v.Cursor = cursor
	return v
}

// lines draws the screen, and returns the position of a text cursor.
func (m *Model) lines() (out []paint.Line, cursor *tea.Cursor) {
	out = append(out, m.header.titleLine(m.width))
	if m.bar.Open {
		lines, at := m.bar.Draw(m.width)
		cursor = tea.NewCursor(at, 1)
		out = append(out, lines...)
	} else {
		out = append(out, m.header.statusLine(m.width, m.matching()))
	}
	if m.cfg.Player != nil {
		out = append(out, m.header.playLine(m.width))
	}
	out = append(out, m.banner...)
	out = append(out, m.front().Draw()...)
	last, at := m.lastLine()
	if at >= 0 {
		cursor = tea.NewCursor(at, m.height-1)
	}
	return append(out, last), cursor
}

// lastLine is a prompt, a temporary message, or the keys; and the cell of a prompt's cursor, or
// -1.
func (m *Model) lastLine() (l paint.Line, cursor int) {
	if m.prompt != nil {
		return m.prompt.Draw(m.width)
	}
	f := m.focus()
	if role, note := m.s.Note(); note != "" {
		f.hints = nil
		keys := f.footer(m.width)
		l.Add(paint.Text, " ")
		l.Add(role, note)
		if l.Width()+keys.Width()+1 < m.width {
			l.Pad(m.width - keys.Width() - 1)
			l.AddLine(&keys)
		}
		return l, -1
	}
	return f.footer(m.width), -1
}

func (m *Model) click(c tea.MouseClickMsg) tea.Cmd {
	top := m.bodyTop()
	switch {
	case c.Button != tea.MouseLeft:
	case c.Y == m.height-1:
		l, _ := m.lastLine()
		switch spot, ok := l.At(c.X); {
		case !ok:
		case m.prompt != nil:
			return m.answer(m.prompt, func() (tea.Cmd, bool) { return m.prompt.Choose(spot), true })
		default:
			return m.do(keys.Action(spot))
		}
	case m.prompt != nil:
	case m.bar.Open:
	case c.Y == 0:
		l := m.header.titleLine(m.width)
		if i, ok := l.At(c.X); ok {
			return m.Show(i)
		}
	case c.Y == 1:
		return m.beginFilter()
	case m.cfg.Player != nil && c.Y == top-len(m.banner)-1:
		m.header.seek(c.X)
	case m.help.open:
		m.help.open = false
	case m.list != nil:
		return m.list.Click(c.X, c.Y-top)
	case c.Y >= top && c.Y < top+m.bodyHeight() && !m.detail.Open:
		return m.page().Click(c.X, c.Y-top)
	}
	return nil
}

// wheelLines is how many lines one notch of the wheel scrolls.
const wheelLines = 3

func (m *Model) wheel(w tea.MouseWheelMsg) tea.Cmd {
	lines, ok := map[tea.MouseButton]int{tea.MouseWheelUp: -wheelLines, tea.MouseWheelDown: wheelLines}[w.Button]
	if !ok || m.bar.Open {
		return nil
	}
	return m.front().Step(lines)
}

// theme is the style of each role of text on this terminal.
type theme struct {
	style   paint.Style
	name    string // dark or light
	fixed   bool   // the user chose it
	noColor bool
	colours paint.Colours
	ascii   bool
	profile colorprofile.Profile
}

func newTheme(cfg *Config) theme {
	t := theme{name: cmp.Or(cfg.Theme, "dark"), fixed: cfg.Theme != "", noColor: cfg.NoColor, ascii: cfg.ASCII,
		colours: cfg.Colours}
	t.set(t.name, colorprofile.NoTTY)
	return t
}

// set chooses the style for a theme and the colours of the terminal.
func (t *theme) set(name string, p colorprofile.Profile) {
	if t.noColor {
		p = min(p, colorprofile.ASCII)
	}
	t.name, t.profile, t.style = name, p, paint.For(name, p)
	if p > colorprofile.ASCII {
		t.style = t.style.With(t.colours)
	}
	if t.ascii {
		t.style = t.style.ASCII()
	}
}

// setBackground chooses the theme by the terminal's background.
func (t *theme) setBackground(dark bool) {
	if !t.fixed && dark != (t.name == "dark") {
		t.turn()
	}
}

// turn switches between dark and light.
func (t *theme) turn() {
	t.set(map[string]string{"dark": "light", "light": "dark"}[t.name], t.profile)
}
