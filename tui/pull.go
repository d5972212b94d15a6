package tui

import (
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
)

// wish is why a page is asked.
type wish uint8

const (
	noWish   wish = iota
	toGlance      // for the next frame: whatever there is now
	toMove        // a key wants other rows of the same view
	toChange      // another filter, order or page: what is on its way has lost its sense
)

// puller asks for what a page shows, in a command: one question at a time. What
// is asked meanwhile is asked again at its end.
//
//	idle ──ask──▶ busy ──answer──▶ idle
//	               │  ▲
//	               ask└─ again ──answer──▶ busy
//
// No key waits for a question that only a frame has asked: that one is stopped.
// A key's own is not stopped by the next move, or a key that is held down would
// never see its rows.
type puller struct {
	busy, again wish         // why the question that runs is asked, and the next one
	stop        *atomic.Bool // ends the question that runs
	cost        time.Duration
}

// answerMsg brings what a question found to the page that asked.
type answerMsg struct {
	page page
	body any // nil: stopped
	cost time.Duration
}

// ask runs a question that work answers; it returns nil if one runs already.
func (p *puller) ask(pg page, w wish, work func(stop *atomic.Bool) any) tea.Cmd {
	if p.busy != noWish {
		p.again = max(p.again, w)
		if w == toChange || w > p.busy && p.busy == toGlance {
			p.stop.Store(true)
		}
		return nil
	}
	p.busy, p.again, p.stop = w, noWish, new(atomic.Bool)
	stop := p.stop
	return func() tea.Msg {
		began := time.Now()
		body := work(stop)
		return answerMsg{pg, body, time.Since(began)}
	}
}

// answered notes the end of a question and tells why to ask again, if at all.
func (p *puller) answered(m answerMsg) (again wish) {
	p.busy = noWish
	if m.body != nil {
		p.cost = m.cost
	}
	return p.again
}

// halt ends the question that runs: nobody looks at the page any more.
func (p *puller) halt() {
	if p.busy != noWish {
		p.again = noWish
		p.stop.Store(true)
	}
}

// running reports whether a question is on its way.
func (p *puller) running() bool { return p.busy != noWish }

// asking is what the last question took.
func (p *puller) asking() time.Duration { return p.cost }
