// Package who is the page Who of the terminal UI: it searches who held a translated address,
// and shows the answer.
package who

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// Asker searches who held an address. Its methods may block and may be called from any
// goroutine. The context ends with the UI, or when the answer is not needed any more.
type Asker interface {
	// Ask answers a question in the words of natlens who: ADDR[:PORT] and flags.
	Ask(ctx context.Context, question string) (Answer, error)

	// Where returns what it searches, in a few words.
	Where() string
}

// Answer is an answer as it is shown. All text may be untrusted.
type Answer struct {
	Heads   []string // of the columns, the most important first
	Rows    []Row
	Verdict []string // lines about how certain the answer is
}

// Row is one translation.
type Row struct {
	Cells     []string // one for each column
	Uncertain bool
}

// Page takes questions and shows the answers.
type Page struct {
	page.Table[Row, int]
	page.Asker
	asker Asker

	question string // the last question
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
	p.Table = page.Table[Row, int]{S: s, Name: "Who", Key: func(*Row) int { return 0 }, // an answer never changes
		Columns: p.columns, Above: p.above, Detail: p.detail,
		Actions: keys.Actions{keys.Enter: {Run: p.ask, Does: "ask"}}}
	return p
}

// ask opens a prompt for a question.
func (p *Page) ask() tea.Cmd {
	p.S.Root.Ask(page.AskText("who", p.question, func(question string) tea.Cmd {
		p.question = question
		return p.search()
	}))
	return nil
}

// search starts the search and cancels the previous one.
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

// Pull does nothing: an answer stays until the next question.
func (p *Page) Pull() tea.Cmd { return nil }

// show shows an answer, with the cursor on its first row.
func (p *Page) show(a found) {
	p.found, p.Follow = a, true
	p.SetAll(a.answer.Rows)
}

// The page from top to bottom: the question and where it was searched, the verdict, a blank
// line, the heads, the rows. Below the row under the cursor is what did not fit in its line.

// above is the lines above the heads.
func (p *Page) above() []paint.Line {
	out := append([]paint.Line{p.heading()}, p.verdict()...)
	return append(out, paint.Line{})
}

// verdictLines is the maximum number of lines of the verdict.
const verdictLines = 6

func (p *Page) verdict() (out []paint.Line) {
	say := func(role paint.Role, text string) {
		out = append(out, paint.Wrapped(role, text, "", paint.MarginLeft, p.Width, verdictLines)...)
	}
	switch {
	case p.Running():
		say(paint.Muted, "searching …")
	case p.found.question == "":
		say(paint.Muted, "press "+p.S.Keys.Label(keys.Enter)+" to search who held an address, such as "+
			"203.0.113.7:32768 --proto tcp --at 14:32:15 or --inside 10.0.0.5 --since -2h; natlens help who lists the "+
			"flags")
	case p.found.err != nil:
		say(paint.Bad, p.found.err.Error())
	default:
		for i, line := range p.found.answer.Verdict {
			role := paint.Muted
			switch {
			case strings.HasPrefix(line, "Uncertain") || strings.HasPrefix(line, "Not covered"):
				role = paint.Warn
			case i == 0:
				role = paint.Text
			}
			say(role, line)
		}
		if most := min(verdictLines, max(1, p.Room-6)); len(out) > most {
			out = out[:most]
			out[most-1].Add(paint.Muted, " …")
			out[most-1].Cut(p.Width)
		}
	}
	return out
}

func (p *Page) heading() (l paint.Line) {
	l.Pad(1)
	l.Add(paint.Label, "WHO  ")
	l.Add(paint.Text, p.question)
	where := p.asker.Where()
	if room := p.Width - l.Width() - 3; room >= paint.Width(where) {
		l.Pad(p.Width - paint.Width(where) - 1)
		l.Add(paint.Muted, where)
	}
	l.Fit(p.Width)
	return l
}

// columns returns the columns that fit. The first one marks uncertain rows.
func (p *Page) columns() []page.Column[Row] {
	a := &p.found.answer
	if len(a.Rows) == 0 {
		return nil
	}
	var out []page.Column[Row]
	x := paint.MarginLeft
	for i, head := range a.Heads {
		cell := func(r *Row, _ int) (_ paint.Role, text string) {
			if i < len(r.Cells) {
				text = r.Cells[i]
			}
			return paint.Text, text
		}
		c := page.Column[Row]{Title: head, X: x, Width: paint.Width(head), Cell: cell}
		for _, row := range a.Rows {
			if i < len(row.Cells) {
				c.Width = max(c.Width, paint.Width(row.Cells[i]))
			}
		}
		if i == 0 {
			c.Draw = func(out *paint.Line, x int, r *Row, _ bool) {
				if r.Uncertain {
					out.Pad(x - 1)
					out.Add(paint.Warn, "?")
				}
				out.Pad(x)
				out.Add(c.Cell(r, c.Width))
			}
		}
		if x += c.Width + paint.Gap; x-paint.Gap > p.Width {
			break
		}
		out = append(out, c)
	}
	return out
}

// detail is the part of the row under the cursor that does not fit in its line.
func (p *Page) detail(r *Row) []paint.Line {
	var parts []string
	heads := p.found.answer.Heads
	for i := len(p.columns()); i < min(len(r.Cells), len(heads)); i++ {
		if r.Cells[i] != "" {
			parts = append(parts, strings.TrimLeft(inSentence(heads[i])+" "+r.Cells[i], " "))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return paint.Wrapped(paint.Muted, strings.Join(parts, ", "), "", paint.MarginLeft+2, p.Width, 4)
}

// inSentence returns the head of a column in lower case, except for text in brackets.
func inSentence(head string) string {
	word, _, _ := strings.Cut(head, " (")
	return strings.ToLower(word) + head[len(word):]
}
