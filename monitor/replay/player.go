package replay

import (
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

// PlayerConfig says how a recording is played. The zero value plays it once, from
// its beginning, as fast as it was recorded.
type PlayerConfig struct {
	Clock  Clock        // nil: the clock on the wall
	Paused bool         // begin paused
	Speed  float64      // 0: 1
	At     monitor.Time // begin here; 0: at the beginning
	Loop   bool         // go on with the beginning after the end

	// AsOf shifts all times so that the recording begins then; with Loop each
	// further round goes on where the one before it ended. 0: times stay.
	AsOf monitor.Time

	// Reset is called when the recording begins anew, after a step back or with
	// a new round, by the goroutine that calls Next and before it gives an event
	// of the new beginning: whoever kept what came before must forget it
	// ([monitor.Table.Clear]). Nil: nobody did.
	Reset func()
}

// Player is a recording as a source that gives each event when its time has come.
// It can be steered from any goroutine while another one calls Next.
//
//	            Play(false)                  end of the recording
//	┌─────────┐ ──────────▶ ┌────────┐     (without Loop)
//	│ playing │             │ paused │ ◀──────────────────────
//	└─────────┘ ◀────────── └────────┘
//	            Play(true): at the end it begins anew
//
// The position goes on with the clock while it plays. Events up to the position
// are given at once, in the order in which they were recorded: so a step forward
// gives all that lies between, and a step back begins anew and gives all up to
// there. A recording that has ended is not an io.EOF: it could be sent back.
type Player struct {
	rec   *Recording
	cfg   PlayerConfig
	clock Clock
	wake  chan struct{}

	mu     sync.Mutex
	on     bool
	speed  float64
	from   monitor.Time // the position at the moment since
	since  time.Time
	start  monitor.Time // of the recording, shifted
	finish monitor.Time
	shift  monitor.Time
	told   monitor.Time // of the latest event that Next has given
	anew   bool         // begin anew before the next event
	closed bool
	src    *Source
	stats  Stats

	// Next's own: what has been read and whose time has not come.
	ahead monitor.Batch
	next  int
	ended bool
}

// State is where a Player stands.
type State struct {
	On                bool
	Speed             float64
	Start, At, Finish monitor.Time
}

// NewPlayer looks for the recording's beginning and end and makes a player of it.
func NewPlayer(rec *Recording, cfg PlayerConfig) (*Player, error) {
	start, finish, err := rec.Span()
	if err != nil {
		return nil, err
	}
	p := &Player{rec: rec, cfg: cfg, clock: cfg.Clock, wake: make(chan struct{}, 1), on: !cfg.Paused, speed: 1, start: start, finish: finish}
	if p.clock == nil {
		p.clock = wallClock{}
	}
	if cfg.AsOf != 0 {
		p.shift = cfg.AsOf - start
		p.start, p.finish = p.start+p.shift, p.finish+p.shift
	}
	if p.src, err = rec.Open(); err != nil {
		return nil, err
	}
	p.from, p.since = p.start, p.clock.Now()
	if cfg.At != 0 {
		p.from = min(max(cfg.At, p.start), p.finish)
	}
	if cfg.Speed != 0 {
		p.speed = limitSpeed(cfg.Speed)
	}
	return p, nil
}

func limitSpeed(f float64) float64 {
	if math.IsNaN(f) {
		return 1
	}
	return min(max(f, MinSpeed), MaxSpeed)
}

// State tells where the player stands.
func (p *Player) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return State{p.on, p.speed, p.start, p.position(), p.finish}
}

// Now is the position: the time of what is played.
func (p *Player) Now() monitor.Time { return p.State().At }

// Play goes on or pauses. At the end of the recording, going on means from the
// beginning.
func (p *Player) Play(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold()
	if on && !p.on && p.from >= p.finish {
		p.seek(p.start)
	}
	p.on = on
	p.poke()
}

// Speed sets how fast it plays, between [MinSpeed] and [MaxSpeed]; 1 is as it was
// recorded.
func (p *Player) Speed(factor float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold()
	p.speed = limitSpeed(factor)
	p.poke()
}

// Seek goes to another position, within the recording.
func (p *Player) Seek(to monitor.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold()
	p.seek(min(max(to, p.start), p.finish))
	p.poke()
}

// Stats tells what has been read of the recording since its beginning.
func (p *Player) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// seek sets the position. The caller holds mu and has called hold.
func (p *Player) seek(to monitor.Time) {
	if to < p.told {
		p.anew = true
		p.told = 0
	}
	p.from = to
}

// position is where the clock has led to. The caller holds mu.
func (p *Player) position() monitor.Time {
	if !p.on {
		return p.from
	}
	passed := float64(p.clock.Now().Sub(p.since)) * p.speed
	if passed >= float64(p.finish-p.from) {
		return p.finish
	}
	return p.from + monitor.Time(passed)
}

// hold keeps the position while what it is reckoned from changes.
func (p *Player) hold() { p.from, p.since = p.position(), p.clock.Now() }

// poke has Next look again at how long to wait.
func (p *Player) poke() {
	select {
	case p.wake <- struct{}{}:
	default: // it will
	}
}

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
			p.clock.Wait(ctx, wait, p.wake)
		}
	}
}

// rewind begins anew if that was asked for.
func (p *Player) rewind() error {
	p.mu.Lock()
	anew, closed := p.anew, p.closed
	p.anew = false
	p.mu.Unlock()
	if closed {
		return errClosed
	}
	if !anew {
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
	p.src, p.stats = src, Stats{}
	if p.closed {
		_ = src.Close()
		return errClosed
	}
	return nil
}

// readAhead reads the next events if all that were read have been given. The
// context of Next ends waits, at each late tick of the Monitor, and a source whose
// context has ended is closed: reading has none, and takes no longer than a file
// does. Close ends it.
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
	p.stats = p.src.Stats()
	if p.shift != 0 {
		for i := range p.ahead.Events {
			shiftEvent(&p.ahead.Events[i], p.shift)
		}
	}
	return err
}

const forever = time.Duration(math.MaxInt64)

// give appends what is due to b, or tells how long to wait for it.
func (p *Player) give(b *monitor.Batch) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.position()
	for ; p.next < len(p.ahead.Events) && !p.anew; p.next++ {
		e := &p.ahead.Events[p.next]
		if e.Time > at {
			break
		}
		p.told = max(p.told, e.Time)
		b.Events = append(b.Events, *e)
	}
	switch {
	case len(b.Events) > 0 || p.anew:
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

// until is how long the clock takes from one position to a later one.
func (p *Player) until(to, at monitor.Time) time.Duration {
	wait := math.Ceil(float64(to-at) / p.speed)
	if wait >= float64(forever) {
		return forever
	}
	return max(1, time.Duration(wait))
}

// atEnd begins another round, or pauses.
func (p *Player) atEnd() time.Duration {
	p.hold()
	length := p.finish - p.start
	if !p.cfg.Loop || length <= 0 {
		p.on = false
		return forever
	}
	if p.cfg.AsOf != 0 {
		p.shift += length
		p.start, p.finish = p.start+length, p.finish+length
	}
	p.from, p.told, p.anew = p.start, 0, true
	return 0
}

// shiftEvent moves all times of an event.
func shiftEvent(e *monitor.Event, by monitor.Time) {
	times := [...]*monitor.Time{&e.Time, &e.Born, &e.Flow.Start, &e.Flow.Stop}
	for _, t := range times {
		if *t != 0 {
			*t += by
		}
	}
	if g := e.Gap; g != nil {
		for _, t := range [...]*monitor.Time{&g.From, &g.To} {
			if *t != 0 {
				*t += by
			}
		}
	}
}

// Close ends the player and unblocks Next.
func (p *Player) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.poke()
	return p.src.Close()
}
