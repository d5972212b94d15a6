// Package human writes numbers for people: counts, bytes, shares and durations. Units are
// SI: 1 kB is 1,000 bytes.
//
//	human.Plural(1284, "flow")  // 1,284 flows
//	human.Bytes(84_213)         // 84 kB
//	human.Age(242*time.Second)  // 4m02
package human

import (
	"fmt"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
)

// Count writes n with a comma between thousands.
func Count(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10)
	}
	return fmt.Sprintf("%s,%03d", Count(n/1000), n%1000)
}

// Plural writes n things: 1 flow, 1,284 flows.
func Plural[N int | int64 | uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Count(uint64(n)) + " " + thing + "s"
}

// Short writes a count in at most five cells: 9,999 as it is, then 12 k.
func Short(n uint64) string {
	if n < 10_000 {
		return Count(n)
	}
	return scaled(n)
}

// Binary writes the size of a buffer in binary units: 32 MiB, 208 KiB.
func Binary(n uint64) string { return humanize.IBytes(n) }

// Bytes writes bytes with two or three digits: 310 B, 1.1 MB, 84 kB.
func Bytes(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	return scaled(n) + "B"
}

// Rate writes bytes per second with two or three digits: 310 B/s, 84 kB/s; or as bits: 672 kb/s.
func Rate(bytes float64, bits bool) string {
	unit := "B/s"
	if bits {
		bytes, unit = 8*bytes, "b/s"
	}
	n := uint64(bytes + 0.5)
	if n < 1000 {
		return fmt.Sprintf("%d %s", n, unit)
	}
	return scaled(n) + unit
}

// scaled returns n, which is 1000 or more, with its prefix: 1.1 M.
func scaled(n uint64) string {
	v, prefix := float64(n)/1000, 0
	for v >= 999.5 {
		v, prefix = v/1000, prefix+1
	}
	digits := 0
	if v < 9.95 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %c", digits, v, "kMGTPE"[prefix])
}

// Percent writes a share between 0 and 1 in percent: <0.1 %, 5.0 %, 12 %.
func Percent(share float64) string {
	switch {
	case share == 0:
		return "0 %"
	case share < 0.001:
		return "<0.1 %"
	case share < 0.0995:
		return fmt.Sprintf("%.1f %%", 100*share)
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

// Age writes a duration in at most five cells: 12s, 4m02, 2h05, 3d04, 120d. A negative
// one is 0s.
func Age(d time.Duration) string {
	s := max(0, int64(d/time.Second))
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02d", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02d", s/3600, s/60%60)
	case s < 100*86400:
		return fmt.Sprintf("%dd%02d", s/86400, s/3600%24)
	}
	return fmt.Sprintf("%dd", s/86400)
}

// Duration writes a duration in its two largest units: 340ms, 12s, 2m06s, 3h07m, 2d04h.
func Duration(d time.Duration) string {
	switch s := int64(d / time.Second); {
	case s < 1:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
	}
}

// Clock writes a duration as a clock does: 4:02, 119:59:48.
func Clock(d time.Duration) string {
	s := int64(d / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
