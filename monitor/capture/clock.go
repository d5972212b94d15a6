//go:build linux

package capture

import (
	"fmt"
	"math"
	"os"
	"strings"
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

// bootShift returns how far CLOCK_BOOTTIME of this process is ahead of the kernel's
// own: not 0 only in a time namespace (time_namespaces(7)).
func bootShift() monitor.Time {
	text, _ := os.ReadFile("/proc/self/timens_offsets") // no such file: no time namespaces
	for line := range strings.Lines(string(text)) {
		var sec, nsec int64
		if n, _ := fmt.Sscanf(line, "boottime %d %d", &sec, &nsec); n == 2 {
			return monitor.Time(sec*int64(time.Second) + nsec)
		}
	}
	return 0
}
