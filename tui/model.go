package tui

import (
	"cmp"

	tea "charm.land/bubbletea/v2"

	"natlens/tui/detail"
	"natlens/tui/events"
	"natlens/tui/filterbar"
	"natlens/tui/flows"
	"natlens/tui/health"
	"natlens/tui/keys"
	"natlens/tui/nat"
	"natlens/tui/page"
	"natlens/tui/paint"
	"natlens/tui/top"
	"natlens/tui/who"
)

// Model is the whole UI for Bubble Tea. It only passes messages on: pages, panes and prompts do
// the work.
type Model struct {
	s   *page.Session
	cfg Config

	pages      []page.Page
	pageKeys   []keys.Map // of each page
	detailKeys keys.Map
	helpKeys   keys.Map
	answerKeys keys.Map

	bar    *filterbar.Bar
	detail detail.Pane
	prompt *page.Prompt // nil: no question
	help   help
	list   *list // of columns or views; nil: none is open
	saving page.Asker

	theme     theme
	answers   answers
	header    header
	banner    []paint.Line // above the page
	watch     *health.Watch
	exporter  exporter
	refresher refresher

	tick   func() tea.Cmd // the next frame
	pulled frameState

	width, height int
}

// New returns the UI. Most programs use Run instead.
func New(cfg Config) *Model {
	s := cfg.session()
	m := &Model{s: s, cfg: cfg, theme: newTheme(&cfg), tick: tick}
	s.Root, m.help.mouse = m, !cfg.NoMouse
	m.bar = filterbar.New(s, cfg.History)
	m.watch = health.NewWatch(s, cfg.Health, cfg.Trouble, func() { m.resize(m.width, m.height) })
	m.exporter = exporter{s: s, files: cfg.Exporter}
	m.refresher = refresher{s: s, source: cfg.Refresher, enter: cfg.Enter}
	m.pages = []page.Page{flows.New(s), events.New(s), top.New(s), nat.New(s), health.New(s, m.watch, cfg.Findings)}
	if cfg.Who != nil {
		m.pages = append(m.pages, who.New(s, cfg.Who))
	}
	m.header = header{s: s, info: cfg.Info, player: cfg.Player, watch: m.watch, exporter: &m.exporter, pages: m.pages}
	m.bindKeys()
	if err := s.SetFilter(cfg.Filter); err != nil {
		s.Report(paint.Bad, err.Error())
	}
	s.Frame = s.Clock()
	m.resize(80, 24)
	m.flows().SetColumns(cfg.Columns)
	return m
}

// Init requests the first frame, and the terminal's background colour if no theme is set.
func (m *Model) Init() tea.Cmd {
	var begin tea.Cmd = func() tea.Msg { return frameMsg{} }
	if at := m.viewAt(m.cfg.View); at >= 0 {
		v := m.cfg.Views[at]
		v.Filter = cmp.Or(m.cfg.Filter, v.Filter)
		begin = tea.Batch(m.openView(v), begin)
	}
	if !m.asksBackground() {
		return begin
	}
	return tea.Batch(begin, tea.RequestBackgroundColor)
}

func (m *Model) asksBackground() bool { return !m.theme.fixed && !m.theme.noColor }

func (m *Model) setBackground(msg tea.BackgroundColorMsg) tea.Cmd {
	m.theme.setBackground(msg.IsDark())
	return m.answers.gotBackground()
}

// Update passes the message on.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case frameMsg:
		return m, m.frame()
	case page.Then:
		return m, msg()
	case tea.KeyPressMsg:
		return m, m.typed(msg)
	case tea.PasteMsg:
		return m, m.typed(msg)
	case tea.MouseClickMsg:
		return m, m.click(msg)
	case tea.MouseWheelMsg:
		return m, m.wheel(msg)
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
		return m, m.page().Pull()
	case tea.ColorProfileMsg:
		m.theme.set(m.theme.name, msg.Profile)
	case tea.BackgroundColorMsg:
		return m, m.setBackground(msg)
	case tea.CursorPositionMsg:
		return m, m.answers.gotCursor()
	}
	return m, nil
}

// focus is what receives the keys, and its hints in the footer: those that fit, and those that
// are always shown.
type focus struct {
	keys          *keys.Map
	hints, always []keys.Action
}

// pageHints are the keys in the footer of a page, the most useful first, because the last ones may
// not fit. Those that do not work on a page are left out.
var pageHints = []keys.Action{keys.Enter, keys.GroupBy, keys.Fold, keys.Sort, keys.Filter, keys.Pause, keys.Faster,
	keys.Slower, keys.SeekOn, keys.SeekBack, keys.Export, keys.Delete, keys.Copy, keys.Mark, keys.Only, keys.Names,
	keys.Window, keys.Columns, keys.Views}

func (m *Model) focus() focus {
	always := []keys.Action{keys.Help, keys.Quit}
	switch {
	case m.bar.Open:
		return focus{&m.bar.Keys, []keys.Action{keys.Accept, keys.Complete, keys.Older}, []keys.Action{keys.Cancel}}
	case m.list != nil:
		return focus{&m.list.keys, listHints, []keys.Action{keys.Back, keys.Quit}}
	case m.help.open:
		return focus{&m.helpKeys, []keys.Action{keys.Back, keys.Up, keys.Down}, []keys.Action{keys.Quit}}
	case m.detail.Open:
		hints := []keys.Action{keys.Back, keys.Up, keys.Down, keys.Rules, keys.Explain, keys.Copy, keys.Delete}
		return focus{&m.detailKeys, hints, always}
	}
	hints := pageHints
	if m.s.CanStepBack() {
		hints = append([]keys.Action{keys.Back}, hints...)
	}
	return focus{&m.pageKeys[m.s.Open], hints, always}
}

// typed gives a key or a paste to what has the focus.
func (m *Model) typed(msg tea.Msg) tea.Cmd {
	switch {
	case m.prompt != nil:
		return m.answer(m.prompt, func() (tea.Cmd, bool) { return m.prompt.Update(msg) })
	case m.bar.Open:
		return m.inBar(func() { m.bar.Type(msg) })
	}
	k, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil
	}
	cmd, ok := m.focus().keys.Press(k)
	if !ok {
		m.help.open = false // any other key closes it
	}
	return cmd
}

// answer closes an answered prompt, unless the answer has opened the next one.
func (m *Model) answer(asked *page.Prompt, act func() (cmd tea.Cmd, done bool)) tea.Cmd {
	cmd, done := act()
	if done && m.prompt == asked {
		m.prompt = nil
	}
	return cmd
}

// do does an action, as its key would.
func (m *Model) do(a keys.Action) tea.Cmd {
	if m.bar.Open {
		return m.inBar(func() { m.bar.Keys.Run(a) })
	}
	return m.focus().keys.Run(a)
}

// inBar does something in the filter bar. If the filter changes or the bar closes, the page is
// pulled again.
func (m *Model) inBar(act func()) tea.Cmd {
	gen := m.s.Gen
	act()
	if m.bar.Open && gen == m.s.Gen {
		return nil
	}
	if !m.bar.Open {
		m.resize(m.width, m.height)
	}
	return m.page().Pull()
}

// front is what is between the header and the footer: the help, the detail of a flow, or the page.
func (m *Model) front() interface {
	keys.Mover
	Draw() []paint.Line
} {
	switch {
	case m.help.open:
		return &m.help
	case m.list != nil:
		return m.list
	case m.detail.Open:
		return &m.detail
	}
	return m.page()
}

// page returns the open page.
func (m *Model) page() page.Page { return m.pages[m.s.Open] }

// Show opens a page.
func (m *Model) Show(i int) tea.Cmd {
	m.s.Open, m.detail.Open, m.help.open, m.list = i, false, false, nil
	if _, ok := m.page().(*health.Page); ok {
		m.watch.Shown()
	}
	return m.page().Pull()
}

// Ask shows a question on the last line.
func (m *Model) Ask(p *page.Prompt) {
	p.Keys = m.answerKeys
	m.prompt = p
}

// OpenDetail opens the pane of a flow.
func (m *Model) OpenDetail(f page.Flow) {
	m.detail = detail.New(m.s, f)
	m.resize(m.width, m.height)
}
