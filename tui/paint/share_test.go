package paint

import (
	"fmt"
	"slices"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		cells []Cell
		want  []int
	}{
		{[]Cell{{0, 10}, {12, 10}, {24, 8}, {34, 6}}, []int{0, 12, 24, 34}}, // each in its column
		{[]Cell{{0, 16}, {12, 0}, {24, 8}, {34, 6}}, []int{0, 12, 24, 34}},  // into an empty one
		{[]Cell{{0, 13}, {12, 5}, {24, 8}, {34, 0}}, []int{0, 15, 24, 34}},  // into the blanks behind the next
		{[]Cell{{0, 13}, {12, 10}, {24, 8}, {34, 0}}, []int{0, 15, 27, 34}}, // and on
		{[]Cell{{0, 5}, {12, 5}, {24, 12}, {34, 6}}, []int{0, 12, 20, 34}},  // to the left, at the end
		{[]Cell{{0, 8}, {12, 8}, {24, 12}, {34, 6}}, []int{0, 10, 20, 34}},
	} {
		cells := slices.Clone(c.cells)
		Spread(cells, 40, 2)
		for i := range cells {
			if cells[i].At != c.want[i] && cells[i].Width > 0 {
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
		Lend(share, c.needs)
		if fmt.Sprint(share) != fmt.Sprint(c.want) {
			t.Errorf("%v, needed %v: %v, want %v", c.share, c.needs, share, c.want)
		}
	}
}
