package tui

import (
	"slices"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"natlens/tui/paint"
)

// command does what a key asks for on every page. ok is false if the key is none
// of these.
func (m *Model) command(k tea.KeyPressMsg) (cmd tea.Cmd, ok bool) {
	keys := &m.keys
	switch {
	case key.Matches(k, keys.Pages...):
		return m.show(slices.IndexFunc(keys.Pages, func(b key.Binding) bool { return key.Matches(k, b) })), true
	case key.Matches(k, keys.NextPage):
		return m.show((m.open + 1) % len(m.pages)), true
	case key.Matches(k, keys.PrevPage):
		return m.show((m.open + len(m.pages) - 1) % len(m.pages)), true
	case key.Matches(k, keys.Filter):
		m.detail = nil
		m.bar.begin()
		m.resize(m.width, m.height)
	case key.Matches(k, keys.Clear):
		_ = m.s.setFilter("") // the empty text is valid
		return m.pages[m.open].pull(toChange), true
	case key.Matches(k, keys.Pause):
		return m.pause(), true
	case key.Matches(k, keys.Names):
		m.s.names.on = !m.s.names.on
	case key.Matches(k, keys.Theme):
		m.s.turnTheme()
	case key.Matches(k, keys.Redraw):
		return tea.ClearScreen, true
	case key.Matches(k, keys.Suspend):
		return tea.Suspend, true
	case key.Matches(k, keys.Export):
		m.prompt = m.exportPrompt()
	default:
		return m.flowCommand(k)
	}
	return nil, true
}

// flowCommand does what a key asks for with the flow or the cell under the
// cursor.
func (m *Model) flowCommand(k tea.KeyPressMsg) (cmd tea.Cmd, ok bool) {
	keys := &m.keys
	switch {
	case key.Matches(k, keys.Only):
		return m.narrow(false), true
	case key.Matches(k, keys.Without):
		return m.narrow(true), true
	case key.Matches(k, keys.Delete):
		if f, ok := m.chosen(); ok {
			m.prompt = m.s.deletePrompt(f)
		}
	case key.Matches(k, keys.Copy):
		if f, ok := m.chosen(); ok {
			m.prompt = m.s.copyPrompt(f)
		}
	default:
		return nil, m.play(k)
	}
	return nil, true
}

// chosen is the flow of the detail pane, or the one under the cursor.
func (m *Model) chosen() (flowRef, bool) {
	if m.detail != nil {
		return m.detail.flow, true
	}
	if c, ok := m.pages[m.open].(chooser); ok {
		return c.chosen()
	}
	return flowRef{}, false
}

// narrow adds the cell under the cursor to the filter.
func (m *Model) narrow(not bool) tea.Cmd {
	c, ok := m.pages[m.open].(chooser)
	if !ok || m.detail != nil {
		return nil
	}
	condition := c.condition()
	if condition == "" {
		m.s.tell(paint.Muted, "this cell is no filter: choose another column with ← →")
		return nil
	}
	if err := m.s.narrow(condition, not); err != nil {
		m.s.tell(paint.Bad, err.Error())
		return nil
	}
	return m.pages[m.open].pull(toChange)
}

// pause lets the view stand, or go on. What is to stand is taken once more, with
// thousands of rows around the cursor, so that one can scroll in it.
func (m *Model) pause() tea.Cmd {
	s := m.s
	s.paused = !s.paused
	s.stats = s.cfg.Stats()
	s.pausedAt = s.stats.Events
	cmd := m.pages[m.open].pull(toMove)
	s.settling = s.paused
	m.settle()
	return cmd
}

// settle notes that the view stands: from now on the screen may say so.
func (m *Model) settle() {
	if !m.pages[m.open].running() {
		m.s.settling = false
	}
}

const seekStep = 10e9

// speeds are where the keys go on their way from slow to fast and back: doubled,
// and numbers that can be read.
var speeds = [...]float64{0.1, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 100}

// faster is the next speed above another one.
func faster(than float64) float64 {
	for _, s := range speeds {
		if s > than {
			return s
		}
	}
	return speeds[len(speeds)-1]
}

// slower is the next speed below another one.
func slower(than float64) float64 {
	for _, s := range slices.Backward(speeds[:]) {
		if s < than {
			return s
		}
	}
	return speeds[0]
}

// play steers a recording.
func (m *Model) play(k tea.KeyPressMsg) bool {
	p, keys := m.s.cfg.Player, &m.keys
	if p == nil {
		return false
	}
	st := p.State()
	switch {
	case key.Matches(k, keys.Play):
		p.Play(!st.On)
	case key.Matches(k, keys.Slower):
		p.Speed(slower(st.Speed))
	case key.Matches(k, keys.Faster):
		p.Speed(faster(st.Speed))
	case key.Matches(k, keys.SeekBack):
		p.Seek(max(st.Start, st.At-seekStep))
	case key.Matches(k, keys.SeekOn):
		p.Seek(min(st.Finish, st.At+seekStep))
	default:
		return false
	}
	return true
}

// frameState is what decides whether a frame has anything new.
type frameState struct {
	table, names uint64
	events       uint64
	at           time.Time
}

// quietFrame is how often the view is drawn anew when nothing happens: for the
// ages.
const quietFrame = time.Second

// beginFrame samples what the status line shows, asks for rows if something has
// changed, and orders the next frame.
func (m *Model) beginFrame() tea.Cmd {
	s := m.s
	s.stats = s.cfg.Stats()
	now := s.now()
	s.spark.sample(now, s.stats.Events)
	cmds := []tea.Cmd{m.health()}
	if !s.paused {
		s.frame = now
		if !m.matching() { // nobody else counts
			s.flows = s.cfg.Table.Len()
		}
		cmds = append(cmds, m.pullIfNew(), m.refresh())
		if m.detail != nil {
			m.detail.refresh()
		}
	}
	return tea.Batch(append(cmds, m.tick(m.pace.next()))...)
}

// matching reports whether the page counts the flows that the filter wants.
func (m *Model) matching() bool {
	_, ok := m.pages[m.open].(matching)
	return ok
}

func (m *Model) pullIfNew() tea.Cmd {
	s := m.s
	state := frameState{table: s.cfg.Table.Changes(), names: s.names.version(), events: s.stats.Events, at: m.pulled.at}
	age := time.Since(m.pulled.at)
	if age >= quietFrame {
		s.cfg.Table.Expire(s.frame) // no event does it while there is none
	}
	if age < costShare*m.pages[m.open].asking() || state == m.pulled && age < quietFrame {
		return nil
	}
	state.at = time.Now()
	m.pulled = state
	return m.pages[m.open].pull(toGlance)
}
