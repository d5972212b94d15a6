//go:build linux

package capture

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// wallClock turns the ring's stamps (CLOCK_BOOTTIME, which runs on through
// suspend and is never set) into time of day that never goes back.
//
// The distance between the two clocks is measured anew every remeasure of
// stamps. Where the wall clock was set forward, times follow at once; where it
// was set back, they run at half speed until they meet it again.
type wallClock struct {
	now      func() (boot, wall int64)
	offset   int64 // wall − boot
	measured int64 // boot time of the last measurement
	last     monitor.Time
}

const remeasure = int64(time.Second)

func newWallClock(now func() (boot, wall int64)) *wallClock {
	c := &wallClock{now: now}
	boot, wall := now()
	c.offset, c.measured = wall-boot, boot
	return c
}

// at returns the time of day of a stamp. It is never before an earlier result:
// stamps of two CPUs may stand in the ring in the wrong order by some
// nanoseconds.
func (c *wallClock) at(stamp uint64) monitor.Time {
	if int64(stamp)-c.measured >= remeasure {
		c.measure()
	}
	t := monitor.Time(int64(stamp) + c.offset)
	if t < c.last {
		return c.last
	}
	c.last = t
	return t
}

// moment returns the present.
func (c *wallClock) moment() monitor.Time {
	boot, _ := c.now()
	return c.at(uint64(boot))
}

func (c *wallClock) measure() {
	boot, wall := c.now()
	if back := c.offset - (wall - boot); back > 0 {
		c.offset -= min(back, (boot-c.measured)/2)
	} else {
		c.offset = wall - boot
	}
	c.measured = boot
}

// bootAndWall reads both clocks at as good as the same moment: of a few tries,
// the one with the shortest time between two readings of the first.
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

// bootShift is how far CLOCK_BOOTTIME as this process sees it stands before the
// kernel's own: not 0 in a time namespace only (time_namespaces(7)).
func bootShift() (int64, error) {
	text, err := os.ReadFile("/proc/self/timens_offsets")
	if err != nil {
		if os.IsNotExist(err) {
			return 0, nil // no /proc, or a kernel without time namespaces
		}
		return 0, fmt.Errorf("read offsets of the time namespace: %w", err)
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		var clock string
		var sec, nsec int64
		if _, err := fmt.Sscan(s.Text(), &clock, &sec, &nsec); err == nil && clock == "boottime" {
			return sec*int64(time.Second) + nsec, nil
		}
	}
	return 0, nil
}
