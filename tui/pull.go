package tui

import (
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
)

// puller asks for what a page shows, in a command: one question at a time. What
// is asked meanwhile is asked again at its end.
//
//	idle ──ask──▶ busy ──answer──▶ idle
//	               │  ▲
//	               ask└─ again ──answer──▶ busy
type puller struct {
	busy, again bool
	stop        *atomic.Bool // ends the question that runs
	cost        time.Duration
}

// answerMsg brings what a question found to the page that asked.
type answerMsg struct {
	page page
	body any // nil: stopped
	cost time.Duration
}

// ask runs a question that work answers; it returns nil if one runs already. A
// question that has lost its sense (another filter, another order) is stopped.
func (p *puller) ask(pg page, senseless bool, work func(stop *atomic.Bool) any) tea.Cmd {
	if p.busy {
		p.again = true
		if senseless {
			p.stop.Store(true)
		}
		return nil
	}
	p.busy, p.again, p.stop = true, false, new(atomic.Bool)
	stop := p.stop
	return func() tea.Msg {
		began := time.Now()
		body := work(stop)
		return answerMsg{pg, body, time.Since(began)}
	}
}

// answered notes the end of a question and reports whether to ask again.
func (p *puller) answered(m answerMsg) bool {
	p.busy = false
	if m.body != nil {
		p.cost = m.cost
	}
	return p.again
}

// halt ends the question that runs: nobody looks at the page any more.
func (p *puller) halt() {
	if p.busy {
		p.again = false
		p.stop.Store(true)
	}
}

// asking is what the last question took.
func (p *puller) asking() time.Duration { return p.cost }
