package history

import (
	"time"

	"natlens/monitor"
)

// Clock returns the system's time, which may jump, and the time since a fixed start, which does
// not.
type Clock func() (wall monitor.Time, mono time.Duration)

// SystemClock is the clock of a Writer outside tests.
func SystemClock() Clock {
	began := time.Now()
	return func() (monitor.Time, time.Duration) {
		now := time.Now()
		return monitor.Time(now.UnixNano()), now.Sub(began)
	}
}

// ageClock is the clock of retention. A forward jump of the system's time is trusted only when
// it has lasted as long as its length.
type ageClock struct {
	trusted monitor.Time  // never decreases
	jumped  monitor.Time  // value of trusted at a forward jump; 0: none
	mono    time.Duration // at the last tick
}

// smallJump is the difference up to which a forward step is not a jump.
const smallJump = monitor.Time(time.Minute)

// tick advances the clock and returns the time for retention.
func (c *ageClock) tick(wall monitor.Time, mono time.Duration) monitor.Time {
	c.trusted, c.mono = c.trusted+monitor.Time(mono-c.mono), mono
	switch ahead := wall - c.trusted; {
	case ahead <= 0:
		c.jumped = 0
		return wall
	case ahead <= smallJump, c.jumped != 0 && c.trusted-c.jumped >= ahead:
		c.trusted, c.jumped = wall, 0
	case c.jumped == 0:
		c.jumped = c.trusted
	}
	return c.trusted
}

// steps detects that the system's time was set: it moved by more than smallJump relative to the
// steady clock.
type steps struct {
	wall     monitor.Time  // at the last tick
	mono     time.Duration // at the last tick
	from, to monitor.Time  // of the last forward step; 0: none, or it was undone
}

// span is a time in which translations are not certain.
type span struct{ from, to monitor.Time }

// tick returns the spans that a step since the last tick makes uncertain. A forward step skips
// a span, and a backward step passes one twice. If it undoes a forward step, translations since
// that step have wrong times.
func (s *steps) tick(wall monitor.Time, mono time.Duration) []span {
	was := s.wall
	step := wall - was - monitor.Time(mono-s.mono)
	s.wall, s.mono = wall, mono
	switch {
	case step > smallJump:
		s.from, s.to = was, wall
		return []span{{was, wall}}
	case step >= -smallJump:
		return nil
	case s.from <= wall && wall < s.to:
		spans := []span{{s.from, wall}, {s.to, was}}
		s.from, s.to = 0, 0
		return spans
	}
	return []span{{wall, was}}
}
