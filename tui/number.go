package tui

import (
	"strconv"
	"time"

	"natlens/monitor"
)

// since returns the time from a to b; 0 if either is unknown.
func since(a, b monitor.Time) time.Duration {
	if a == 0 || b == 0 || b < a {
		return 0
	}
	return time.Duration(b - a)
}

func hexText(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

func countPlain(n uint64) string { return strconv.FormatUint(n, 10) }
