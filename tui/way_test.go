package tui

import (
	"fmt"
	"slices"
	"testing"

	"natlens/monitor"
	"natlens/tui/paint"
)

func TestEndTextFit(t *testing.T) {
	for _, c := range []struct {
		end   endText
		width int
		want  string
	}{
		{endText{"192.168.77.2", ":39502"}, 18, "192.168.77.2:39502"},
		{endText{"192.168.77.2", ":39502"}, 17, "192.1….77.2:39502"},
		{endText{"192.168.77.2", ":39502"}, 10, "19…2:39502"},
		{endText{"192.168.77.2", ":39502"}, 9, "192.168.…"},
		{endText{"[2001:db8::1]", ":443"}, 12, "[200…:1]:443"},
		{endText{"192.168.77.3", " id 59304"}, 16, "192…7.3 id 59304"},
		{endText{"10.0.0.1", ""}, 5, "10….1"},
		{endText{"", ":55507"}, 6, ":55507"},
	} {
		if got := c.end.fit(c.width); got.String() != c.want {
			t.Errorf("%v in %d cells: %q, want %q", c.end, c.width, got, c.want)
		}
	}
}

// The longest address gives first, ports and signs stay; where all are short, the
// end of the last one goes.
func TestWayCut(t *testing.T) {
	st := newStage(t)
	f := flowOf(monitor.TCP, "198.51.100.7:51022", "203.0.113.1:8080", "198.51.100.7:51022", "192.168.177.200:80", dstNAT, monitor.PathForward)
	for _, c := range []struct {
		room int
		want string
	}{
		{60, "198.51.100.7:51022→203.0.113.1:8080⇒192.168.177.200:80"},
		{54, "198.51.100.7:51022→203.0.113.1:8080⇒192.168.177.200:80"},
		{53, "198.51.100.7:51022→203.0.113.1:8080⇒192.168…77.200:80"},
		{50, "198.5…100.7:51022→203.0.113.1:8080⇒192.16…7.200:80"},
		{40, "198.…0.7:51022→203.…3.1:8080⇒192.…200:80"},
		{26, "1…7:51022→2…1:8080⇒19…0:80"},
		{24, "1…7:51022→2…1:8080⇒1…0:…"},
		{15, "1…7:51022→2…1…"},
	} {
		w := st.s.way(&f, inShort)
		w.cut(c.room)
		var l paint.Line
		for i := range w {
			w[i].add(&l)
		}
		if got := l.String(); got != c.want || l.Width() > c.room && c.room >= 15 {
			t.Errorf("in %d cells: %q (%d), want %q", c.room, got, l.Width(), c.want)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		cells []wayCell
		want  []int
	}{
		{[]wayCell{{0, 10}, {12, 10}, {24, 8}, {34, 6}}, []int{0, 12, 24, 34}}, // each in its column
		{[]wayCell{{0, 16}, {12, 0}, {24, 8}, {34, 6}}, []int{0, 12, 24, 34}},  // into an empty one
		{[]wayCell{{0, 13}, {12, 5}, {24, 8}, {34, 0}}, []int{0, 15, 24, 34}},  // into the blanks behind the next
		{[]wayCell{{0, 13}, {12, 10}, {24, 8}, {34, 0}}, []int{0, 15, 27, 34}}, // and on
		{[]wayCell{{0, 5}, {12, 5}, {24, 12}, {34, 6}}, []int{0, 12, 20, 34}},  // to the left, at the end
		{[]wayCell{{0, 8}, {12, 8}, {24, 12}, {34, 6}}, []int{0, 10, 20, 34}},
	} {
		cells := slices.Clone(c.cells)
		spread(cells, 40, 2)
		for i := range cells {
			if cells[i].at != c.want[i] && cells[i].width > 0 {
				t.Errorf("%v: %v, want %v", c.cells, cells, c.want)
				break
			}
		}
	}
}

func TestLend(t *testing.T) {
	for _, c := range []struct{ share, needs, want []int }{
		{[]int{10, 10, 10}, []int{5, 5, 5}, []int{10, 10, 10}},
		{[]int{10, 10, 10}, []int{14, 8, 8}, []int{14, 8, 8}},
		{[]int{10, 10, 10}, []int{20, 9, 10}, []int{11, 9, 10}},
		{[]int{10, 10, 10}, []int{20, 20, 20}, []int{10, 10, 10}},
	} {
		share := slices.Clone(c.share)
		lend(share, c.needs)
		if fmt.Sprint(share) != fmt.Sprint(c.want) {
			t.Errorf("%v, needed %v: %v, want %v", c.share, c.needs, share, c.want)
		}
	}
}
