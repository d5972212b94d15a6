package history

import (
	"time"

	"natlens/monitor"
)

// Clock returns the system's time, which may jump, and the time since some fixed
// moment, which does not.
type Clock func() (wall monitor.Time, mono time.Duration)

// SystemClock is the clock of a Writer outside tests.
func SystemClock() Clock {
	began := time.Now()
	return func() (monitor.Time, time.Duration) {
		now := time.Now()
		return monitor.Time(now.UnixNano()), now.Sub(began)
	}
}

// ageClock is the time by which retention computes ages. A jump ahead of the
// system's time is trusted only when it has lasted as long as it is far.
type ageClock struct {
	trusted monitor.Time  // never goes back
	jumped  monitor.Time  // trusted when the system's time jumped ahead; 0: it did not
	mono    time.Duration // at the last tick
}

// smallJump is how far the system's time may be ahead without being a jump.
const smallJump = monitor.Time(time.Minute)

// tick moves the clock on and returns the time for retention.
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

// steps notices when the system's time is set: it moves by more than smallJump
// against the steady clock.
type steps struct {
	wall     monitor.Time  // at the last tick
	mono     time.Duration // at the last tick
	from, to monitor.Time  // of the last step ahead; 0: none, or it was taken back
}

// span is a time in which translations are not certain.
type span struct{ from, to monitor.Time }

// tick returns the spans that a step since the last tick makes uncertain. A step
// ahead skips a span, and a step back passes one twice. If it takes back a step
// ahead, the time since that step has wrong translations by the wrong clock, and
// none by the right one.
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
