//go:build linux

package capture

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// wallClock turns the ring's stamps (CLOCK_BOOTTIME, which runs on through suspend
// and is never set) into time of day. The distance between the two clocks is measured
// again for every second of stamps, so that times follow a clock that is set, ahead or
// back, within a second.
type wallClock struct {
	now      func() (boot, wall int64)
	offset   int64 // wall − boot
	measured int64 // boot time of the last measurement
}

const remeasure = int64(time.Second)

func newWallClock(now func() (boot, wall int64)) *wallClock {
	c := &wallClock{now: now}
	c.measure()
	return c
}

// at returns the time of day of a stamp.
func (c *wallClock) at(stamp uint64) monitor.Time {
	if int64(stamp)-c.measured >= remeasure {
		c.measure()
	}
	return monitor.Time(int64(stamp) + c.offset)
}

// moment returns the present.
func (c *wallClock) moment() monitor.Time {
	boot, _ := c.now()
	return c.at(uint64(boot))
}

func (c *wallClock) measure() {
	boot, wall := c.now()
	c.offset, c.measured = wall-boot, boot
}

// bootAndWall reads both clocks at nearly the same moment: of a few tries, the one
// with the shortest time between two readings of the first. shift is that of
// bootShift.
func bootAndWall(shift int64) (boot, wall int64) {
	best := int64(1) << 62
	for range 4 {
		var a, w, b unix.Timespec
		// These clocks can't fail: every kernel that has the ring has them.
		unix.ClockGettime(unix.CLOCK_BOOTTIME, &a)
		unix.ClockGettime(unix.CLOCK_REALTIME, &w)
		unix.ClockGettime(unix.CLOCK_BOOTTIME, &b)
		if took := b.Nano() - a.Nano(); took < best {
			best, boot, wall = took, a.Nano()+took/2, w.Nano()
		}
	}
	return boot - shift, wall
}

// bootShift returns how far CLOCK_BOOTTIME of this process is ahead of the kernel's
// own: not 0 only in a time namespace (time_namespaces(7)).
func bootShift() (shift int64) {
	text, _ := os.ReadFile("/proc/self/timens_offsets") // not there: no time namespaces
	for line := range strings.Lines(string(text)) {
		var clock string
		var sec, nsec int64
		if _, err := fmt.Sscan(line, &clock, &sec, &nsec); err == nil && clock == "boottime" {
			shift = sec*int64(time.Second) + nsec
		}
	}
	return shift
}
