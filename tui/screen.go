package tui

import (
	"fmt"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// The screen from top to bottom: the pages, the filter (while it is typed, with
// two lines below it), where a recording stands, the page, the keys.

func (m *Model) resize(width, height int) {
	m.width, m.height = width, height
	m.s.health.layOut(width)
	room := m.bodyHeight()
	for _, p := range m.pages {
		p.resize(width, room)
	}
	if m.detail != nil {
		m.detail.resize(width, room)
	}
}

// bodyTop is the first line of the page.
func (m *Model) bodyTop() int {
	top := 2
	if m.bar.open {
		top += 2
	}
	if m.s.cfg.Player != nil {
		top++
	}
	return top + len(m.s.health.banner)
}

func (m *Model) bodyHeight() int { return max(4, m.height-m.bodyTop()-1) }

// View draws what was computed.
func (m *Model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = "natlens"
	if m.width < minWidth || m.height < minHeight {
		v.Content = fmt.Sprintf("natlens needs %d×%d cells; this is %d×%d", minWidth, minHeight, m.width, m.height)
		return v
	}
	lines, cursor := m.lines()
	var b []byte
	for i := range lines {
		if i > 0 {
			b = append(b, '\n')
		}
		b = m.s.style.Append(b, &lines[i].line, lines[i].base)
	}
	v.Content = string(b)
	v.Cursor = cursor
	return v
}

// lines draws the screen, and where the cursor of a text that is typed stands.
func (m *Model) lines() ([]drawn, *tea.Cursor) {
	out := make([]drawn, 0, m.height)
	var cursor *tea.Cursor
	out = append(out, drawn{line: m.header.pagesLine(m)})
	if m.bar.open {
		lines, at := m.bar.draw(m.width)
		cursor = tea.NewCursor(at, 1)
		out = append(out, lines...)
	} else {
		out = append(out, drawn{line: m.header.statusLine(m)})
	}
	if m.s.cfg.Player != nil {
		out = append(out, drawn{line: m.header.playLine(m)})
	}
	out = append(out, m.s.health.banner...)
	switch {
	case m.help:
		out = append(out, m.helpLines(m.width, m.bodyHeight())...)
	case m.detail != nil:
		out = append(out, m.detail.draw()...)
	default:
		out = append(out, m.pages[m.open].draw()...)
	}
	last, at := m.footer()
	out = append(out, drawn{line: last})
	if at >= 0 {
		cursor = tea.NewCursor(at, m.height-1)
	}
	for i := range out {
		out[i].line.Cut(m.width)
	}
	return out, cursor
}

// wheelLines is how far one notch of the wheel goes.
const wheelLines = 3

func (m *Model) click(c tea.MouseClickMsg) tea.Cmd {
	if c.Button != tea.MouseLeft {
		return nil
	}
	if m.prompt != nil {
		if k, ok := m.prompt.click(c.X); ok && c.Y == m.height-1 {
			return m.answerPrompt(k)
		}
		return nil
	}
	switch top := m.bodyTop(); {
	case c.Y == 0:
		if i, ok := m.header.tabAt(c.X); ok && !m.bar.open {
			return m.show(i)
		}
	case c.Y == 1 && !m.bar.open:
		cmd, _ := m.command(tea.KeyPressMsg{Code: '/', Text: "/"})
		return cmd
	case c.Y == top-1 && m.s.cfg.Player != nil:
		m.header.seek(m, c.X)
	case m.help:
		m.help = false
	case c.Y >= top && c.Y < top+m.bodyHeight() && !m.bar.open && m.detail == nil:
		return m.pages[m.open].click(c.X, c.Y-top)
	case c.Y == m.height-1:
		return m.clickHint(c.X)
	}
	return nil
}

// clickHint presses the key that the last line names at a cell.
func (m *Model) clickHint(x int) tea.Cmd {
	for _, h := range m.placedHints() {
		if x >= h.at && x < h.at+h.width {
			return m.key(pressed(h.key))
		}
	}
	return nil
}

// pressed makes the message that a binding's first key sends.
func pressed(b key.Binding) tea.KeyPressMsg {
	keys := b.Keys()
	if len(keys) == 0 {
		return tea.KeyPressMsg{}
	}
	switch k := keys[0]; k {
	case "enter":
		return tea.KeyPressMsg{Code: tea.KeyEnter}
	case "esc":
		return tea.KeyPressMsg{Code: tea.KeyEscape}
	case "space":
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	case "end":
		return tea.KeyPressMsg{Code: tea.KeyEnd}
	case "right":
		return tea.KeyPressMsg{Code: tea.KeyRight}
	case "tab":
		return tea.KeyPressMsg{Code: tea.KeyTab}
	case "up":
		return tea.KeyPressMsg{Code: tea.KeyUp}
	case "down":
		return tea.KeyPressMsg{Code: tea.KeyDown}
	default:
		return tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
	}
}

func (m *Model) wheel(w tea.MouseWheelMsg) tea.Cmd {
	lines := wheelLines
	switch w.Button {
	case tea.MouseWheelUp:
		lines = -wheelLines
	case tea.MouseWheelDown:
	default:
		return nil
	}
	switch {
	case m.help:
		m.helpScroll += lines
	case m.detail != nil:
		m.detail.scrollTo(m.detail.scroll + lines)
	case !m.bar.open:
		return m.pages[m.open].wheel(lines)
	}
	return nil
}
