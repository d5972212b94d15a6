// Package who is the page Who of the terminal UI: it asks who held a translated address, and
// shows the answer.
package who

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"natlens/tui/keys"
	"natlens/tui/page"
)

// Asker answers who held an address. Its methods may block and may be called from any
// goroutine; the context ends with the UI, or when the answer is not wanted any more.
type Asker interface {
	// Ask answers a question in the words of natlens who: ADDR[:PORT] and flags.
	Ask(ctx context.Context, question string) (Answer, error)

	// Where says what it searches, in a few words.
	Where() string
}

// Answer is an answer as it is shown. All text may be foreign.
type Answer struct {
	Heads   []string // of the columns, the most important first
	Rows    []Row
	Verdict []string // lines that say how much the rows prove
}

// Row is one translation.
type Row struct {
	Cells     []string // one for each column
	Uncertain bool
}

// Page asks and shows.
type Page struct {
	s     *page.Session
	asker Asker
	page.Asker
	page.List[int]

	question string // as it was typed last
	cancel   context.CancelFunc

	found  found
	widths []int // of the columns
	width  int
	room   int
}

// found is the answer to a question.
type found struct {
	question string
	answer   Answer
	err      error
}

// New returns the page.
func New(s *page.Session, asker Asker) *Page {
	p := &Page{s: s, asker: asker, cancel: func() {}}
	p.Moved = p.lay
	return p
}

func (p *Page) Title() string { return "Who" }

func (p *Page) Keys() keys.Actions {
	return keys.Actions{keys.Enter: {Run: p.ask, Does: "ask"}}
}

func (p *Page) Hints() []keys.Action { return []keys.Action{keys.Enter, keys.Up, keys.Down} }

func (p *Page) Resize(width, height int) {
	p.width, p.room = width, height
	p.lay()
}

// lay gives the list what the lines above it and the detail of its row leave.
func (p *Page) lay() {
	p.Height = max(1, p.room-p.above()-len(p.detail()))
	p.Fit()
}

// ask has a question typed.
func (p *Page) ask() tea.Cmd {
	p.s.Root.Ask(page.AskText("who", p.question, func(question string) tea.Cmd {
		p.question = question
		return p.search()
	}))
	return nil
}

// search asks what was typed. It ends the question before.
func (p *Page) search() tea.Cmd {
	p.cancel()
	ctx, cancel := context.WithCancel(p.s.Context)
	p.cancel = cancel
	question := p.question
	return p.Ask(p.s, p.search, func() func() {
		defer cancel()
		answer, err := p.asker.Ask(ctx, question)
		return func() {
			if question == p.question {
				p.found, p.widths = found{question, answer, err}, columnWidths(&answer)
				p.Clear()
				p.Set(len(answer.Rows), func(i int) int { return i })
			}
		}
	})
}

// Pull does nothing: an answer stays until there is another question.
func (p *Page) Pull() tea.Cmd { return nil }

// Click chooses a row.
func (p *Page) Click(_, y int) tea.Cmd {
	y -= p.above()
	if extra := len(p.detail()); y > p.Line {
		y = max(p.Line, y-extra)
	}
	p.List.Click(y)
	return nil
}
