package flows

import (
	"strings"
	"testing"
)

// TestHeadingShowsItsOrder expects the arrow of the order on every column that
// sorts, whatever the width, and headings that do not touch.
func TestHeadingShowsItsOrder(t *testing.T) {
	for _, width := range []int{60, 80, 120, 160} {
		all := present{counters: true, rates: true, mark: true, zone: true, helper: true, labels: true}
		l := layOut(width, all, endWidths{})
		l = layOut(width, all, l.endNeeds(nil, nil, endWidths{}))
		for _, c := range l.columns {
			if !c.id.sortable() {
				continue
			}
			h := l.heading(c.id, true, colSource)
			text := h.String()
			if n := strings.Count(text, "▲") + strings.Count(text, "▼"); n != 1 || strings.Contains(text, "…") {
				t.Errorf("%d cells, by %s: %q", width, columnTable[c.id].title, text)
			}
			if got, want := len(strings.Fields(strings.NewReplacer("SENT AS", "SENT_AS", "DELIVERED TO", "DELIVERED_TO").Replace(text))),
				len(l.columns); got != want {
				t.Errorf("%d cells, by %s: %d headings of %d columns: %q", width, columnTable[c.id].title, got, want, text)
			}
		}
	}
}
