package tui

import (
	"context"
	"errors"
	"sync/atomic"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// whoPage asks who held a translated address, and shows the answer.
type whoPage struct {
	s    *session
	keys *keyMap
	puller
	lineList[int]

	question string // as it was typed last
	due      bool   // it is to be asked
	cancel   context.CancelFunc

	found  whoFound
	widths []int // of the columns
	width  int
	room   int
}

// whoFound is the answer to a question.
type whoFound struct {
	question string
	answer   WhoAnswer
	err      error
}

func newWhoPage(s *session, keys *keyMap) *whoPage {
	p := &whoPage{s: s, keys: keys, cancel: func() {}}
	p.resize(80, 20)
	return p
}

func (p *whoPage) title() string { return "Who" }

func (p *whoPage) resize(width, height int) {
	p.width, p.room = width, height
	p.lay()
}

// pull asks what was typed; an answer stays until there is another question.
func (p *whoPage) pull(wish) tea.Cmd {
	if !p.due {
		return nil
	}
	ctx, cancel := context.WithCancel(p.s.ctx)
	question, asker := p.question, p.s.cfg.Who
	cmd := p.ask(p, toChange, func(*atomic.Bool) any {
		defer cancel()
		answer, err := asker.Ask(ctx, question)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return whoFound{question, answer, err}
	})
	if cmd == nil {
		p.cancel() // the question before has lost its sense
		cancel()
		return nil
	}
	p.due, p.cancel = false, cancel
	return cmd
}

func (p *whoPage) answer(m answerMsg) tea.Cmd {
	p.answered(m)
	if found, ok := m.body.(whoFound); ok {
		p.found, p.widths = found, columnWidths(&found.answer)
		p.begin()
		rows := make([]int, len(found.answer.Rows))
		for i := range rows {
			rows[i] = i
		}
		p.set(rows)
		p.lay()
	}
	return p.pull(toChange)
}

// halt ends a question that runs; it is asked again when the page is shown again.
func (p *whoPage) halt() {
	if p.busy != noWish {
		p.due = true
		p.cancel()
	}
	p.puller.halt()
}

func (p *whoPage) key(m tea.KeyPressMsg) tea.Cmd {
	if key.Matches(m, p.keys.Enter) {
		p.askAgain()
		return nil
	}
	p.steer(m, p.keys)
	p.lay()
	return nil
}

// askAgain has the question typed.
func (p *whoPage) askAgain() {
	typed := func(question string) tea.Cmd {
		p.question, p.due = question, true
		return p.pull(toChange)
	}
	p.s.root.ask(askText("who", p.question, typed))
}

func (p *whoPage) hints() []key.Binding {
	return []key.Binding{bind("enter", "ask", "enter"), p.keys.Up, p.keys.Down}
}

func (p *whoPage) wheel(lines int) tea.Cmd {
	p.step(lines)
	p.lay()
	return nil
}

func (p *whoPage) click(_, y int) tea.Cmd {
	y -= p.above()
	if extra := len(p.detail()); y > p.sight.line {
		y = max(p.sight.line, y-extra)
	}
	p.lineList.click(y)
	p.lay()
	return nil
}

// lay gives the list what the lines above it and the detail of its row leave.
func (p *whoPage) lay() {
	p.sight.height = max(1, p.room-p.above()-len(p.detail()))
	p.fit()
}
