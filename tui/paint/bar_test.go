package paint

import (
	"strings"
	"testing"
)

func TestChart(t *testing.T) {
	for _, c := range []struct {
		values []uint64
		known  int
		height int
		want   string
	}{
		{[]uint64{0, 0, 1, 4, 8}, 3, 1, "  ▁▄█"},
		{[]uint64{9, 0, 1, 1000}, 4, 1, "▁·▁█"},
		{[]uint64{0, 4, 8, 12, 16}, 5, 2, "   ▄█|·▄███"},
		{[]uint64{0, 0}, 2, 2, "  |··"},
		{[]uint64{0, 0}, 0, 1, "  "},
	} {
		if got := strings.Join(Chart(c.values, c.known, c.height), "|"); got != c.want {
			t.Errorf("%v: got %q, want %q", c.values, got, c.want)
		}
	}
}

func TestLevels(t *testing.T) {
	for used, want := range map[float64]Role{0: Bar, 0.69: Bar, 0.7: Warn, 0.89: Warn, 0.9: Bad, 1: Bad} {
		if got := Level(used, Bar); got != want {
			t.Errorf("Level(%v) = %d, want %d", used, got, want)
		}
	}
}
