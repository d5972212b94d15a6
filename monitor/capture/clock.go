//go:build linux

package capture

import (
	"math"
	"time"

	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// wallOffset returns the difference between the wall clock and the clock of the ring's stamps.
// The stamps are CLOCK_BOOTTIME, which also counts during suspend and is never set. natlens
// reads both clocks a few times and uses the reading with the shortest interruption.
func wallOffset() (offset monitor.Time) {
	best := int64(math.MaxInt64)
	for range 3 {
		var before, after unix.Timespec
		// cannot fail: every kernel with the ring has this clock
		unix.ClockGettime(unix.CLOCK_BOOTTIME, &before)
		wall := time.Now().UnixNano()
		unix.ClockGettime(unix.CLOCK_BOOTTIME, &after)
		if took := after.Nano() - before.Nano(); took < best {
			best, offset = took, monitor.Time(wall-before.Nano()-took/2)
		}
	}
	return offset
}
