package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"natlens/monitor"
)

// The speeds that a Player can play at.
const (
	MinSpeed = 0.1
	MaxSpeed = 100
)

// PlayerConfig says how a recording is played. The zero value plays it once, from its
// beginning, as fast as it was recorded.
type PlayerConfig struct {
	Paused bool         // begin paused
	At     monitor.Time // begin at this position; 0: at the beginning
	Speed  float64      // 0: 1

	// AsOf shifts all times so that the recording begins then, and plays it again and
	// again: each round begins when the previous one ends. 0: times stay.
	AsOf monitor.Time

	// Reset is called when the recording begins again, after a step back or for a new
	// round, by the goroutine that calls Next, before the first event: what was kept of
	// earlier events must be dropped ([table.Table.Clear]). It may be nil.
	Reset func()
}

// Player is a recording as a source that delivers each event at its time. Any goroutine
// may control it while another one calls Next.
//
//	            Play(false)                  end of the recording
//	┌─────────┐ ──────────▶ ┌────────┐     (without AsOf)
//	│ playing │             │ paused │ ◀──────────────────────
//	└─────────┘ ◀────────── └────────┘
//	            Play(true): at the end it begins again
//
// While it plays, the position moves with the clock. All events up to the position are
// delivered at once, in recorded order: a step forward delivers all events in between, a
// step back begins again and delivers all up to there. At the end of the recording Next
// waits: the position can still be moved.
type Player struct {
	rec  *Recording
	cfg  PlayerConfig
	wake chan struct{}

	mu     sync.Mutex
	on     bool
	speed  float64
	from   monitor.Time // the position at the time since
	since  time.Time
	start  monitor.Time // of the recording, shifted
	finish monitor.Time
	shift  monitor.Time
	given  monitor.Time // of the latest event delivered
	again  bool         // begin again before the next event
	closed bool
	src    *Source

	// Used by Next alone: events that were read and are not due.
	ahead monitor.Batch
	next  int
	ended bool
}

// State is the state of a Player.
type State struct {
	On                bool
	Speed             float64
	Start, At, Finish monitor.Time
}

// NewPlayer returns a player of the recording, whose first and last time it reads.
func NewPlayer(rec *Recording, cfg PlayerConfig) (*Player, error) {
	start, finish, err := rec.Span()
	if err != nil {
		return nil, err
	}
	p := &Player{rec: rec, cfg: cfg, wake: make(chan struct{}, 1), on: !cfg.Paused,
		start: start, finish: finish}
	if cfg.AsOf != 0 {
		p.shift = cfg.AsOf - start
		p.start, p.finish = p.start+p.shift, p.finish+p.shift
	}
	if p.src, err = rec.Open(); err != nil {
		return nil, err
	}
	p.from, p.since = max(p.start, cfg.At), time.Now()
	p.Speed(cmp.Or(cfg.Speed, 1))
	return p, nil
}

// State returns the state of the player.
func (p *Player) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return State{p.on, p.speed, p.start, p.position(), p.finish}
}

// Now returns the position.
func (p *Player) Now() monitor.Time { return p.State().At }

// Play continues or pauses. At the end of the recording it continues at the beginning.
func (p *Player) Play(on bool) {
	p.steer(func() {
		if on && !p.on && p.from >= p.finish {
			p.seek(p.start)
		}
		p.on = on
	})
}

// Speed sets the speed, from [MinSpeed] to [MaxSpeed]. 1 is the recorded speed.
func (p *Player) Speed(factor float64) {
	p.steer(func() { p.speed = min(max(factor, MinSpeed), MaxSpeed) })
}

// Seek moves the position, within the recording.
func (p *Player) Seek(to monitor.Time) {
	p.steer(func() { p.seek(min(max(to, p.start), p.finish)) })
}

// steer applies a change at the current position, and wakes Next, which then computes its wait
// again.
func (p *Player) steer(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold()
	change()
	select {
	case p.wake <- struct{}{}:
	default: // it was woken
	}
}

// seek sets the position. The caller holds mu and has called hold.
func (p *Player) seek(to monitor.Time) {
	if to < p.given {
		p.again = true
		p.given = 0
	}
	p.from = to
}

// position returns the position now. The caller holds mu.
func (p *Player) position() monitor.Time {
	if !p.on {
		return p.from
	}
	passed := float64(time.Since(p.since)) * p.speed
	if passed >= float64(p.finish-p.from) {
		return p.finish
	}
	return p.from + monitor.Time(passed)
}

// hold fixes the position before speed or state change. The caller holds mu.
func (p *Player) hold() { p.from, p.since = p.position(), time.Now() }

// Next appends the events whose time has come, and waits until there is one.
func (p *Player) Next(ctx context.Context, b *monitor.Batch) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.rewind(); err != nil {
			return err
		}
		if err := p.readAhead(); err != nil {
			return err
		}
		wait := p.give(b)
		if len(b.Events) > 0 {
			return nil
		}
		if wait > 0 {
			select {
			case <-ctx.Done():
			case <-p.wake:
			case <-time.After(wait):
			}
		}
	}
}

// rewind begins again after a step back.
func (p *Player) rewind() error {
	p.mu.Lock()
	again, closed := p.again, p.closed
	p.again = false
	p.mu.Unlock()
	if closed {
		return errClosed
	}
	if !again {
		return nil
	}
	_ = p.src.Close()
	if p.cfg.Reset != nil {
		p.cfg.Reset()
	}
	src, err := p.rec.Open()
	if err != nil {
		return fmt.Errorf("play from the beginning: %w", err)
	}
	p.ahead.Reset()
	p.next, p.ended = 0, false
	p.mu.Lock()
	defer p.mu.Unlock()
	p.src = src
	if p.closed {
		_ = src.Close()
		return errClosed
	}
	return nil
}

// readAhead reads the next events if all earlier ones were delivered. It does not use the
// context of Next: that ends at each tick of the loop, and would close the source. Close
// ends a read.
func (p *Player) readAhead() error {
	if p.next < len(p.ahead.Events) || p.ended {
		return nil
	}
	p.ahead.Reset()
	p.next = 0
	err := p.src.Next(context.Background(), &p.ahead)
	if p.ended = errors.Is(err, io.EOF); p.ended {
		err = nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shift != 0 {
		for i := range p.ahead.Events {
			shiftEvent(&p.ahead.Events[i], p.shift)
		}
	}
	return err
}

const forever = time.Duration(math.MaxInt64)

// give appends what is due to b, or returns how long to wait for it.
func (p *Player) give(b *monitor.Batch) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.position()
	for ; p.next < len(p.ahead.Events) && !p.again; p.next++ {
		e := &p.ahead.Events[p.next]
		if e.Time > at {
			break
		}
		p.given = max(p.given, e.Time)
		b.Events = append(b.Events, *e)
	}
	switch {
	case len(b.Events) > 0 || p.again:
		return 0
	case p.next < len(p.ahead.Events) && p.on:
		return p.until(p.ahead.Events[p.next].Time, at)
	case p.next < len(p.ahead.Events) || !p.on:
		return forever
	case !p.ended:
		return 0
	case at < p.finish:
		return p.until(p.finish, at)
	}
	return p.atEnd()
}

// until returns how long it takes from one position to a later one.
func (p *Player) until(to, at monitor.Time) time.Duration {
	return max(1, time.Duration(min(math.Ceil(float64(to-at)/p.speed), 1<<62)))
}

// atEnd begins another round, or pauses.
func (p *Player) atEnd() time.Duration {
	p.hold()
	length := p.finish - p.start
	if p.cfg.AsOf == 0 || length <= 0 {
		p.on = false
		return forever
	}
	p.shift += length
	p.start, p.finish = p.start+length, p.finish+length
	p.from, p.given, p.again = p.start, 0, true
	return 0
}

// shiftEvent shifts all times of an event.
func shiftEvent(e *monitor.Event, by monitor.Time) {
	gap := e.Gap
	if gap == nil {
		gap = new(monitor.Gap)
	}
	for _, t := range []*monitor.Time{&e.Time, &e.Born, &e.Flow.Start, &e.Flow.Stop, &gap.From, &gap.To} {
		if *t != 0 {
			*t += by
		}
	}
}

// Close ends the player and unblocks Next.
func (p *Player) Close() (err error) {
	p.steer(func() {
		p.closed = true
		err = p.src.Close()
	})
	return err
}
