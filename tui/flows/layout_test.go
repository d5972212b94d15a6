package flows

import (
	"strings"
	"testing"

	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// At 80 cells a flow has its rate even if processes are looked up.
func TestRateBeforeProcess(t *testing.T) {
	for width, want := range map[int]string{80: "PROTO STATE SOURCE DESTINATION RATE", 100: "PROTO STATE PROCESS SOURCE DESTINATION RATE AGE",
		120: "PROTO STATE PROCESS SOURCE DESTINATION RATE BYTES AGE",
		130: "PROTO STATE PROCESS SOURCE SENT AS DESTINATION DELIVERED TO RATE"} {
		p := New(&page.Session{})
		p.has = present{counters: true, rates: true, local: true}
		p.Table.Resize(width, 10)
		var got []string
		for _, c := range p.layOut().columns {
			got = append(got, c.Title)
		}
		if s := strings.TrimSpace(strings.Join(got, " ")); s != want {
			t.Errorf("%d cells: %q, want %q", width, s, want)
		}
	}
}

// TestHeadingShowsItsOrder expects the arrow of the order on every column that
// sorts, whatever the width, and headings that do not touch.
func TestHeadingShowsItsOrder(t *testing.T) {
	for _, width := range []int{60, 80, 120, 160} {
		p := New(&page.Session{})
		p.has = present{counters: true, rates: true, mark: true, zone: true, helper: true, labels: true}
		p.Table.Resize(width, 10)
		l := p.layOut()
		p.needs = l.endNeeds(nil, nil, endWidths{})
		p.layout = p.layOut()
		shown := p.layout.columns[:len(p.layout.columns)-1] // without the mark of new flows
		for _, c := range shown {
			if columnTable[c.ID].order == table.ByArrival {
				continue
			}
			p.By = c.ID
			text := string(paint.Plain.Append(nil, &p.Draw()[0]))
			if n := strings.Count(text, "▲") + strings.Count(text, "▼"); n != 1 || strings.Contains(text, "…") {
				t.Errorf("%d cells, by %s: %q", width, c.Title, text)
			}
			whole := strings.NewReplacer("SENT AS", "SENT_AS", "DELIVERED TO", "DELIVERED_TO").Replace(text)
			if got := len(strings.Fields(whole)); got != len(shown) {
				t.Errorf("%d cells, by %s: %d headings of %d columns: %q", width, c.Title, got, len(shown), text)
			}
		}
	}
}

// Of the columns that the user chose, the sorted one is shown first of all at a narrow width.
func TestSortedColumnStays(t *testing.T) {
	p := New(&page.Session{})
	p.has = present{counters: true, rates: true}
	chosen, err := ParseColumns([]string{"proto", "state", "addresses", "down", "up", "age", "rate"})
	if err != nil {
		t.Fatal(err)
	}
	p.SetColumns(chosen)
	p.Table.Resize(80, 10)
	for by, want := range map[int]string{
		colRate: "PROTO STATE SOURCE DESTINATION RATE", colAge: "PROTO STATE SOURCE DESTINATION AGE",
	} {
		p.By = by
		var got []string
		for _, c := range p.layOut().columns {
			got = append(got, c.Title)
		}
		if s := strings.TrimSpace(strings.Join(got, " ")); s != want {
			t.Errorf("%q, want %q", s, want)
		}
	}
}
