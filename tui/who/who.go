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
	page.Table[Row, int]
	page.Asker
	asker Asker

	question string // as it was typed last
	cancel   context.CancelFunc

	found found
}

// found is the answer to a question.
type found struct {
	question string
	answer   Answer
	err      error
}

// New returns the page.
func New(s *page.Session, asker Asker) *Page {
	p := &Page{asker: asker, cancel: func() {}}
	p.Table = page.Table[Row, int]{S: s, Key: func(*Row) int { return 0 }, // an answer never changes
		Columns: p.columns, Above: p.above, Detail: p.detail}
	return p
}

func (p *Page) Title() string { return "Who" }

func (p *Page) Keys() keys.Actions {
	return keys.Actions{keys.Enter: {Run: p.ask, Does: "ask"}}
}

func (p *Page) Hints() []keys.Action { return []keys.Action{keys.Enter, keys.Up, keys.Down} }

// ask has a question typed.
func (p *Page) ask() tea.Cmd {
	p.S.Root.Ask(page.AskText("who", p.question, func(question string) tea.Cmd {
		p.question = question
		return p.search()
	}))
	return nil
}

// search asks what was typed. It ends the question before.
func (p *Page) search() tea.Cmd {
	p.cancel()
	ctx, cancel := context.WithCancel(p.S.Context)
	p.cancel = cancel
	p.show(found{question: p.question})
	question := p.question
	return p.Ask(p.S, p.search, func() func() {
		defer cancel()
		answer, err := p.asker.Ask(ctx, question)
		return func() {
			if question == p.question {
				p.show(found{question, answer, err})
			}
		}
	})
}

// Pull does nothing: an answer stays until there is another question.
func (p *Page) Pull() tea.Cmd { return nil }

// show puts the cursor on the first row of an answer.
func (p *Page) show(a found) {
	p.found, p.Follow = a, true
	p.SetAll(a.answer.Rows)
}
