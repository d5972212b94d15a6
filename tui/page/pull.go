package page

import (
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
)

// Then is what a command brings back: Update runs it. A command does I/O and must not
// touch the model; what it found comes into the model here.
type Then func() tea.Cmd

// Puller asks for what a page shows, in a command, one question at a time. What is asked
// meanwhile is asked again at its end.
//
//	idle ──ask──▶ busy ──answer──▶ idle
//	               │  ▲
//	               ask└─ again ──answer──▶ busy
//
// Only a question that is out of date is stopped: if each move stopped its predecessor, a key
// that is held down would never see its rows.
type Puller struct {
	busy  bool         // a question runs
	again bool         // and another one is to follow
	stop  *atomic.Bool // ends the question that runs
	cost  time.Duration
}

// Taker is the page that a Puller asks for.
type Taker interface {
	// Pull asks for what the page shows. fresh says that the filter, the order or the page is
	// another one: a question that runs is out of date. Nil: nothing to ask, or asked already.
	Pull(fresh bool) tea.Cmd
	// Take takes an answer. again asks for another one at once.
	Take(answer any) (again bool)
}

// Ask runs a question that work answers, with nil if it was stopped. Ask returns nil if a
// question runs already.
func (p *Puller) Ask(t Taker, fresh bool, work func(stop *atomic.Bool) any) tea.Cmd {
	if p.busy {
		p.again = true
		if fresh {
			p.stop.Store(true)
		}
		return nil
	}
	stop := new(atomic.Bool)
	p.busy, p.again, p.stop = true, false, stop
	return func() tea.Msg {
		began := time.Now()
		answer := work(stop)
		cost := time.Since(began)
		return Then(func() tea.Cmd {
			p.busy = false
			again := p.again
			if answer != nil {
				p.cost = cost
				again = t.Take(answer) || again
			}
			if !again {
				return nil
			}
			return t.Pull(false)
		})
	}
}

// Halt ends the question that runs: the page is no longer shown.
func (p *Puller) Halt() {
	if p.busy {
		p.again = false
		p.stop.Store(true)
	}
}

// Running reports whether a question is on its way.
func (p *Puller) Running() bool { return p.busy }

// Cost is how long the last question took.
func (p *Puller) Cost() time.Duration { return p.cost }
