package page

import (
	"fmt"
	"testing"

	"natlens/monitor"
)

func TestMinute(t *testing.T) {
	m := new(Minute)
	for _, c := range []struct {
		at, value uint64
		cells     int
		want      string
	}{
		{1000, 7, 6, "[0 0 0 0 0 7] 1 peak 7"},
		{1000, 5, 6, "[0 0 0 0 0 5] 1 peak 5"}, // of the same second, the last
		{1012, 9, 6, "[0 0 0 0 5 9] 2 peak 9"}, // 5 until then
		{1013, 0, 12, "[0 0 0 0 0 0 0 0 0 5 5 9] 3 peak 9"},
		{1072, 3, 6, "[0 0 0 0 0 3] 6 peak 3"},
		{1200, 4, 6, "[0 0 0 0 0 4] 1 peak 4"}, // after a gap
		{900, 8, 6, "[0 0 0 0 0 8] 1 peak 8"},  // the clock was set back
		{901, 1, 120, fmt.Sprint(append(make([]uint64, 116), 8, 8, 1, 1)) + " 4 peak 8"},
	} {
		m.Note(monitor.Time(c.at)*1e9, c.value)
		values, known := m.In(c.cells)
		if got := fmt.Sprint(values, known, " peak ", m.Peak()); got != c.want {
			t.Errorf("at %d: %s, want %s", c.at, got, c.want)
		}
	}
	if m.Old(961e9) || !m.Old(962e9) {
		t.Error("a minute is old 61 s after its last value")
	}
}
