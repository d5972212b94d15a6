package tui

import (
	"runtime"
	"slices"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/flows"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// bindKeys makes the key maps of everything that can have the focus. An action that the
// configuration does not support is not bound, so help and footer do not show it.
func (m *Model) bindKeys() {
	opens := keys.Actions{
		keys.NextPage: {Run: func() tea.Cmd { return m.Show((m.s.Open + 1) % len(m.pages)) }},
		keys.PrevPage: {Run: func() tea.Cmd { return m.Show((m.s.Open + len(m.pages) - 1) % len(m.pages)) }},
	}
	for i, p := range m.pages {
		opens[keys.Action(i)] = keys.Do{Run: func() tea.Cmd { return m.Show(i) }, Does: p.Title()}
	}
	quit := keys.Actions{keys.Quit: {Run: m.quit}}
	common := m.commonKeys()
	for _, p := range m.pages {
		back := keys.Actions{keys.Back: {Run: m.s.StepBack}}
		m.pageKeys = append(m.pageKeys, m.s.Keys.Bind(opens, quit, common, back, m.columnKeys(p), keys.Moves(p),
			p.Keys(), m.cellKeys(p), m.flowKeys(p)))
	}
	ofDetail := keys.Actions{keys.Back: {Run: m.closeDetail}, keys.Enter: {Run: m.closeDetail},
		keys.Explain: keys.Act(m.detail.Explain)}
	if m.cfg.Rules != nil {
		ofDetail[keys.Rules] = keys.Do{Run: m.findRules}
	}
	m.detailKeys = m.s.Keys.Bind(opens, quit, common, keys.Moves(&m.detail), m.flowKeys(&m.detail), ofDetail)
	closeHelp := keys.Act(func() { m.help.open = false })
	m.answerKeys = m.s.Keys.Bind(page.Answers)
	m.helpKeys = m.s.Keys.Bind(opens, quit, keys.Moves(&m.help),
		keys.Actions{keys.Back: closeHelp, keys.Help: closeHelp})
}

// commonKeys are the actions of every page.
func (m *Model) commonKeys() keys.Actions {
	all := keys.Actions{
		keys.Filter: {Run: m.beginFilter},
		keys.Clear:  {Run: m.clearFilter},
		keys.Pause:  {Run: m.pause},
		keys.Theme:  keys.Act(m.theme.turn),
		keys.Redraw: {Run: func() tea.Cmd { return tea.ClearScreen }},
		keys.Help:   keys.Act(func() { m.help.begin(m.focus().keys) }),
	}
	if runtime.GOOS != "windows" {
		all[keys.Suspend] = keys.Do{Run: func() tea.Cmd { return tea.Suspend }}
	}
	if m.cfg.Resolver != nil || m.cfg.Services != nil {
		all[keys.Names] = keys.Act(func() { m.s.Names.On = !m.s.Names.On })
	}
	if m.s.Reads {
		all[keys.Window] = keys.Do{Run: func() tea.Cmd {
			m.s.Window = (m.s.Window + 1) % table.Windows
			return m.page().Pull()
		}}
	}
	all[keys.Views] = keys.Act(m.chooseView)
	if m.cfg.Exporter != nil {
		all[keys.Export] = keys.Act(m.export)
	}
	if m.cfg.Player != nil {
		addPlayKeys(all, m.cfg.Player)
	}
	return all
}

// columnKeys are the actions of Flows alone: the other pages have fixed columns.
func (m *Model) columnKeys(p page.Page) keys.Actions {
	if _, ok := p.(*flows.Page); !ok {
		return nil
	}
	return keys.Actions{keys.Columns: keys.Act(m.chooseColumns)}
}

// cellKeys are the actions that add the cell under the cursor to the filter.
func (m *Model) cellKeys(p page.Page) keys.Actions {
	c, ok := p.(interface{ Condition() string })
	if !ok {
		return nil
	}
	narrow := func(not bool) keys.Do {
		return keys.Do{Run: func() tea.Cmd {
			condition := c.Condition()
			if condition == "" {
				m.s.Report(paint.Muted, "this cell can't be a filter: choose another column with ← →")
				return nil
			}
			if err := m.s.Narrow(condition, not); err != nil {
				m.s.Report(paint.Bad, err.Error())
				return nil
			}
			return p.Pull()
		}}
	}
	return keys.Actions{keys.Only: narrow(false), keys.Without: narrow(true)}
}

// flowKeys are the actions on the marked flows, without these on the flow under the cursor.
func (m *Model) flowKeys(of any) keys.Actions {
	c, ok := of.(page.Chooser)
	if !ok {
		return nil
	}
	with := func(ask func([]page.Flow)) keys.Do {
		return keys.Act(func() {
			if flows := m.s.MarkedFlows(); len(flows) > 0 && !m.detail.Open {
				ask(flows)
			} else if f, ok := c.Chosen(); ok {
				ask([]page.Flow{f})
			}
		})
	}
	all := keys.Actions{keys.Copy: with(func(f []page.Flow) { askCopy(m.s, f, m.cfg.Enter) })}
	if m.cfg.Deleter != nil {
		all[keys.Delete] = with(func(f []page.Flow) { askDelete(m.s, f, m.cfg.Deleter) })
	}
	return all
}

func (m *Model) closeDetail() tea.Cmd {
	m.detail.Open = false
	return m.page().Pull()
}

func (m *Model) beginFilter() tea.Cmd {
	m.detail.Open = false
	m.bar.Begin()
	m.resize(m.width, m.height)
	return nil
}

func (m *Model) clearFilter() tea.Cmd {
	_ = m.s.SetFilter("") // the empty text is valid
	return m.page().Pull()
}

// pause stops the view, or continues it. When it stops, the page reads once more, with
// thousands of rows around the cursor, so that the user can scroll.
func (m *Model) pause() tea.Cmd {
	s := m.s
	s.Paused = !s.Paused
	s.Stats = m.cfg.Stats()
	s.PausedAt = s.Stats.Events
	return m.page().Pull()
}

// quit ends the UI. If an export is not complete, it asks first.
func (m *Model) quit() tea.Cmd {
	if m.exporter.askQuit(m.answers.leave) {
		return nil
	}
	return m.answers.leave()
}

// export asks what to export: what the page shows, or events from now on.
func (m *Model) export() {
	events, isEvents := m.page().(interface{ ExportsEvents() int })
	switch {
	case len(m.s.MarkedFlows()) > 0 && !m.detail.Open:
		m.exporter.ask(exportMarked, "the "+human.Plural(len(m.s.Marked), "marked flow"))
	case isEvents && !m.detail.Open:
		m.exporter.ask(exportKept, "the "+human.Plural(events.ExportsEvents(), "event")+" shown")
	case m.matching():
		m.exporter.ask(exportFlows, "the "+human.Plural(m.s.Matched, "flow")+" shown")
	case m.s.Text != "":
		m.exporter.ask(exportFlows, "the flows of the filter")
	default:
		m.exporter.ask(exportFlows, "all flows")
	}
}

const seekStep = 10e9

// speeds are the steps of the speed keys.
var speeds = [...]float64{0.1, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 100}

// beside is the next of the speeds above another one, or below it.
func beside(speed float64, by int) float64 {
	at, found := slices.BinarySearch(speeds[:], speed)
	if !found && by > 0 {
		at--
	}
	return speeds[min(max(0, at+by), len(speeds)-1)]
}

// addPlayKeys adds the actions that control a recording.
func addPlayKeys(all keys.Actions, p Player) {
	all[keys.Pause] = keys.Act(func() { p.Play(!p.State().On) })
	all[keys.Slower] = keys.Act(func() { p.Speed(beside(p.State().Speed, -1)) })
	all[keys.Faster] = keys.Act(func() { p.Speed(beside(p.State().Speed, 1)) })
	all[keys.SeekBack] = keys.Act(func() { st := p.State(); p.Seek(max(st.Start, st.At-seekStep)) })
	all[keys.SeekOn] = keys.Act(func() { st := p.State(); p.Seek(min(st.Finish, st.At+seekStep)) })
}
