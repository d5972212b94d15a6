package detail

import (
	"testing"

	"natlens/monitor"
)

func TestNumbers(t *testing.T) {
	for c, want := range map[monitor.Counters]string{{}: "0 packets, 0 B", {Packets: 1, Bytes: 29}: "1 packet, 29 B",
		{Packets: 12_345, Bytes: 84_000}: "12,345 packets, 84 kB"} {
		if got := countersText(c); got != want {
			t.Errorf("countersText(%v) = %q, want %q", c, got, want)
		}
	}
	for ms, want := range map[uint32]string{0: "0 ms", 18: "18 ms", 999: "999 ms", 1500: "1.5 s", 61_000: "1m01"} {
		if got := spanText(ms); got != want {
			t.Errorf("spanText(%d) = %q, want %q", ms, got, want)
		}
	}
}
