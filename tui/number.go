package tui

import (
	"fmt"
	"strconv"
	"time"

	"natlens/monitor"
)

// countText writes a number with a comma between thousands.
func countText(n uint64) string {
	s := strconv.FormatUint(n, 10)
	if len(s) <= 3 {
		return s
	}
	b := make([]byte, 0, len(s)+len(s)/3)
	for i := range len(s) {
		if i > 0 && (len(s)-i)%3 == 0 {
			b = append(b, ',')
		}
		b = append(b, s[i])
	}
	return string(b)
}

// countOf writes a number of things: 1 flow, 1,284 flows.
func countOf(n uint64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return countText(n) + " " + thing
}

// bytesText writes bytes with three digits at the most and a decimal unit:
// 310 B, 84 kB, 1.2 MB.
func bytesText(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10) + " B"
	}
	return scaled(n) + "B"
}

// rateText is bytesText by the second.
func rateText(n uint64) string { return bytesText(n) + "/s" }

// shortCount writes a number in at most five cells: 9,999 as it is, 12.3 k.
func shortCount(n uint64) string {
	if n < 10_000 {
		return countText(n)
	}
	return scaled(n)
}

// scaled writes n ≥ 1000 with two or three digits, a blank and the unit.
func scaled(n uint64) string {
	v, units := float64(n), "kMGTPE"
	for v >= 999.5 && len(units) > 0 {
		v /= 1000
		if v < 999.5 || len(units) == 1 {
			break
		}
		units = units[1:]
	}
	if v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64) + " " + units[:1]
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " " + units[:1]
}

// ageText writes a duration in at most five cells: 12s, 4m02, 2h05, 3d04, 120d.
func ageText(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s < 0:
		return "0s"
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

// clockText writes seconds as 119:59:48 or 4:02.
func clockText(d time.Duration) string {
	s := int64(d / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// spanText writes a time between two states with two or three digits.
func spanText(ms uint32) string {
	switch {
	case ms < 1000:
		return fmt.Sprintf("%d ms", ms)
	case ms < 60_000:
		return strconv.FormatFloat(float64(ms)/1000, 'f', 1, 64) + " s"
	}
	return ageText(time.Duration(ms) * time.Millisecond)
}

// since returns the time from a to b; 0 if either is unknown.
func since(a, b monitor.Time) time.Duration {
	if a == 0 || b == 0 || b < a {
		return 0
	}
	return time.Duration(b - a)
}

func hexText(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

func countPlain(n uint64) string { return strconv.FormatUint(n, 10) }

func portValue(p monitor.Proto, port uint16) string {
	if !p.HasPorts() {
		return ""
	}
	return countPlain(uint64(port))
}
