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
