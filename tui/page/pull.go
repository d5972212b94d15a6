package page

import (
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
)

// Then is what a command brings back: Update runs it. A command does I/O and must not
// touch the model; what it found comes into the model here.
type Then func() tea.Cmd

// Wish is why a page is asked.
type Wish uint8

// The wishes, from the weakest on.
const (
	NoWish   Wish = iota
	ToGlance      // for the next frame: whatever there is now
	ToMove        // a key wants other rows of the same view
	ToChange      // another filter, order or page: the question that runs is out of date
)

// Puller asks for what a page shows, in a command, one question at a time. What is asked
// meanwhile is asked again at its end.
//
//	idle ──ask──▶ busy ──answer──▶ idle
//	               │  ▲
//	               ask└─ again ──answer──▶ busy
//
// No key waits for a question that only a frame has asked: that one is stopped. A key's
// own is not stopped by the next move, or a key that is held down would never see its rows.
type Puller struct {
	busy, again Wish         // why the question that runs is asked, and the next one
	stop        *atomic.Bool // ends the question that runs
	cost        time.Duration
}

// Taker is the page that a Puller asks for.
type Taker interface {
	// Pull asks for what the page shows. Nil: nothing to ask, or asked already.
	Pull(Wish) tea.Cmd
	// Take takes an answer. It returns why to ask again at once, or NoWish.
	Take(answer any) Wish
}

// Ask runs a question that work answers, with nil if it was stopped. Ask returns nil if a
// question runs already.
func (p *Puller) Ask(t Taker, w Wish, work func(stop *atomic.Bool) any) tea.Cmd {
	if p.busy != NoWish {
		p.again = max(p.again, w)
		if w == ToChange || w > p.busy && p.busy == ToGlance {
			p.stop.Store(true)
		}
		return nil
	}
	stop := new(atomic.Bool)
	p.busy, p.again, p.stop = w, NoWish, stop
	return func() tea.Msg {
		began := time.Now()
		answer := work(stop)
		cost := time.Since(began)
		return Then(func() tea.Cmd {
			p.busy = NoWish
			again := p.again
			if answer != nil {
				p.cost = cost
				again = max(again, t.Take(answer))
			}
			if again == NoWish {
				return nil
			}
			return t.Pull(again)
		})
	}
}

// Halt ends the question that runs: nobody looks at the page any more.
func (p *Puller) Halt() {
	if p.busy != NoWish {
		p.again = NoWish
		p.stop.Store(true)
	}
}

// Running reports whether a question is on its way.
func (p *Puller) Running() bool { return p.busy != NoWish }

// Cost is how long the last question took.
func (p *Puller) Cost() time.Duration { return p.cost }
