package human

import (
	"testing"
	"time"
)

func TestCounts(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 1 << 33: "8,589,934,592"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0 rows", 1: "1 row", 2: "2 rows", 1 << 33: "8,589,934,592 rows"} {
		if got := Plural(n, "row"); got != want {
			t.Errorf("Plural(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0", 9999: "9,999", 10_000: "10 k", 12_345: "12 k", 1_990_000: "2.0 M"} {
		if got := Short(n); got != want {
			t.Errorf("Short(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 84_000: "84 kB",
		999_499: "999 kB", 999_500: "1.0 MB", 1_100_456: "1.1 MB", 1<<64 - 1: "18 EB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestRate(t *testing.T) {
	for n, want := range map[float64][2]string{0: {"0 B/s", "0 b/s"}, 124.6: {"125 B/s", "997 b/s"},
		999.6: {"1.0 kB/s", "8.0 kb/s"}, 1_250_000: {"1.2 MB/s", "10 Mb/s"}} {
		if got := [2]string{Rate(n, false), Rate(n, true)}; got != want {
			t.Errorf("Rate(%v) = %q, want %q", n, got, want)
		}
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0 %", 0.0004: "<0.1 %", 0.05: "5.0 %", 0.12: "12 %", 1: "100 %"} {
		if got := Percent(share); got != want {
			t.Errorf("Percent(%v) = %q, want %q", share, got, want)
		}
	}
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration][3]string{
		340 * time.Millisecond:    {"0s", "340ms", "0:00"},
		59 * time.Second:          {"59s", "59s", "0:59"},
		242 * time.Second:         {"4m02", "4m02s", "4:02"},
		2*time.Hour + time.Minute: {"2h01", "2h01m", "2:01:00"},
		76 * time.Hour:            {"3d04", "3d04h", "76:00:00"},
		3000 * time.Hour:          {"125d", "125d00h", "3000:00:00"},
	} {
		if got := [3]string{Age(d), Duration(d), Clock(d)}; got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
