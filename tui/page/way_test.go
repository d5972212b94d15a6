package page

import (
	"testing"

	"natlens/monitor"
	"natlens/tui/paint"
)

func v4(a, b, c, d byte) monitor.Addr { return monitor.AddrFrom4([4]byte{a, b, c, d}) }

// TestWayCut expects the longest address to be cut first, with ports and signs kept; if all are
// short, the end of the last one goes.
func TestWayCut(t *testing.T) {
	names := NewNames(nil, nil)
	f := monitor.Flow{
		Orig: monitor.Tuple{
			Proto:   monitor.TCP,
			Family:  monitor.IPv4,
			Src:     v4(198, 51, 100, 7),
			Dst:     v4(203, 0, 113, 1),
			SrcPort: 51022,
			DstPort: 8080,
		},
		Reply: monitor.Tuple{
			Proto:   monitor.TCP,
			Family:  monitor.IPv4,
			Src:     v4(192, 168, 177, 200),
			Dst:     v4(198, 51, 100, 7),
			SrcPort: 80,
			DstPort: 51022,
		},
	}
	for _, c := range []struct {
		room int
		want string
	}{
		{60, "198.51.100.7:51022→203.0.113.1:8080⇒192.168.177.200:80"},
		{54, "198.51.100.7:51022→203.0.113.1:8080⇒192.168.177.200:80"},
		{53, "198.51.100.7→203.0.113.1:8080⇒192.168.177.200:80"},
		{47, "198.51.100.7→203.0.113.1:8080⇒192.168…77.200:80"},
		{40, "198.5…00.7→203.0…13.1:8080⇒192.1….200:80"},
		{26, "19….7→20….1:8080⇒192…00:80"},
		{19, "1…7→2…1:8080⇒1…0:80"},
		{17, "1…7→2…1:8080⇒1…0…"},
		{13, "1…7→2…1:8080"},
	} {
		w := NewWay(names, &f, InShort)
		w.Cut(c.room)
		var l paint.Line
		for i := range w {
			w[i].Add(&l)
		}
		if got := string(paint.Plain.Append(nil, &l)); got != c.want || l.Width() > c.room && c.room >= 15 {
			t.Errorf("in %d cells: %q (%d), want %q", c.room, got, l.Width(), c.want)
		}
	}
}
