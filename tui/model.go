package tui

import (
	"slices"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"natlens/tui/paint"
)

// Model is the whole UI for Bubble Tea. It only routes: pages, panes and prompts
// do the work.
type Model struct {
	s    *session
	keys keyMap

	pages []page
	open  int // the page that is shown

	header header
	bar    filterBar
	detail *detail // nil: closed
	prompt *prompt // nil: nothing is asked
	help   bool

	helpScroll, helpRows int

	export     *exporting // nil: none on its way
	streamPath string     // of the recording that runs, escaped
	refresher  refresher
	pace       pace
	tick       func(time.Duration) tea.Cmd // the next frame
	pulled     frameState

	width, height int
}

// The smallest screen that the UI takes.
const (
	minWidth  = 60
	minHeight = 16
)

// New returns the UI. Run is what most programs want.
func New(cfg Config) *Model {
	s := newSession(cfg)
	m := &Model{s: s, keys: newKeyMap(), bar: newFilterBar(s), tick: tickIn}
	s.root = m
	m.keys.limit(&s.cfg)
	m.pages = []page{newFlowsPage(s, &m.keys), newEventsPage(s, &m.keys), newTopPage(s, &m.keys), newNATPage(s, &m.keys), newHealthPage(s, &m.keys)}
	if s.cfg.Who != nil {
		m.pages = append(m.pages, newWhoPage(s, &m.keys))
	}
	m.keys.number(m.pages)
	if err := s.setFilter(cfg.Filter); err != nil {
		s.tell(paint.Bad, err.Error())
	}
	s.frame = s.now()
	m.resize(80, 24)
	return m
}

// Init asks for the first frame, and for the terminal's background if no theme
// was asked for.
func (m *Model) Init() tea.Cmd {
	begin := func() tea.Msg { return frameMsg{} }
	if m.s.cfg.Theme == "" {
		return tea.Batch(begin, tea.RequestBackgroundColor)
	}
	return begin
}

// Update routes.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case frameMsg:
		return m, m.beginFrame()
	case answerMsg:
		return m, m.answered(msg)
	case lookedMsg:
		m.looked(msg)
	case quietMsg:
		m.quieted(msg)
	case refreshedMsg:
		m.refreshed(msg)
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
		return m, m.pages[m.open].pull(toChange)
	case tea.ColorProfileMsg:
		m.s.setProfile(msg.Profile)
	case tea.BackgroundColorMsg:
		m.s.setBackground(msg.IsDark())
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		return m, m.paste(msg)
	case tea.MouseClickMsg:
		return m, m.click(msg)
	case tea.MouseWheelMsg:
		return m, m.wheel(msg)
	case deletedMsg:
		m.s.deleted(msg)
	case exportedMsg:
		m.exported(msg)
	case fedMsg:
		m.s.fed(msg)
	}
	return m, nil
}

// answered gives an answer to the page that asked.
func (m *Model) answered(msg answerMsg) tea.Cmd {
	cmd := msg.page.answer(msg)
	m.settle()
	return cmd
}

// key gives a key to whatever is in front.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case m.prompt != nil:
		return m.answerPrompt(k)
	case m.bar.open:
		return m.typeFilter(k)
	case key.Matches(k, m.keys.Quit):
		return m.quit()
	case m.help && m.keyHelp(k):
		return nil
	case key.Matches(k, m.keys.Help):
		m.help, m.helpScroll = true, 0
		return nil
	}
	if cmd, ok := m.command(k); ok {
		return cmd
	}
	if m.detail != nil {
		if key.Matches(k, m.keys.Back, m.keys.Enter) {
			m.detail = nil
			return m.pages[m.open].pull(toChange)
		}
		m.detail.key(k)
		return nil
	}
	if key.Matches(k, m.keys.Back) && m.s.canStepBack() {
		return m.stepBack()
	}
	return m.pages[m.open].key(k)
}

func (m *Model) answerPrompt(msg tea.Msg) tea.Cmd {
	asked := m.prompt
	cmd, done := asked.update(msg)
	if done && m.prompt == asked { // the answer may have asked the next question
		m.prompt = nil
	}
	return cmd
}

func (m *Model) typeFilter(msg tea.Msg) tea.Cmd {
	changed := m.bar.update(msg)
	if !m.bar.open {
		m.resize(m.width, m.height)
		changed = true
	}
	if changed {
		return m.pages[m.open].pull(toChange)
	}
	return nil
}

func (m *Model) paste(msg tea.PasteMsg) tea.Cmd {
	switch {
	case m.prompt != nil:
		return m.answerPrompt(msg)
	case m.bar.open:
		return m.typeFilter(msg)
	}
	return nil
}

// keyHelp scrolls the help; any other key closes it. It returns false for a key
// that opens a page, which does so from here too.
func (m *Model) keyHelp(k tea.KeyPressMsg) bool {
	switch rows, where := m.keys.movement(k, m.bodyHeight()); where {
	case moveRows:
		m.helpScroll += rows
	case moveHome:
		m.helpScroll = 0
	case moveEnd:
		m.helpScroll = m.helpRows
	default:
		m.help = false
		return !key.Matches(k, append(slices.Clone(m.keys.Pages), m.keys.NextPage, m.keys.PrevPage)...)
	}
	return true
}

// show opens a page.
func (m *Model) show(i int) tea.Cmd {
	if i != m.open { // a look over a million flows would hold back the one that is wanted now
		m.pages[m.open].halt()
	}
	m.open, m.detail, m.help = i, nil, false
	m.s.page = i
	if _, ok := m.pages[i].(*healthPage); ok && len(m.s.health.advice) > 0 {
		m.advise(nil) // it stands there
	}
	return m.pages[i].pull(toChange)
}

func (m *Model) ask(p *prompt) { m.prompt = p }

func (m *Model) openDetail(f flowRef) {
	m.detail = newDetail(m.s, &m.keys, f)
	m.resize(m.width, m.height)
}
