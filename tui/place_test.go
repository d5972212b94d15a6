package tui

import (
	"fmt"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/golden"
	"natlens/monitor/table"
	"natlens/tui/page"
)

// placed is the gateway with the places of two addresses.
func placed(t *testing.T) *stage {
	st := newStage(t, readable, func(c *Config) {
		c.Env.Places = func(a monitor.Addr) *monitor.Place {
			switch a.String() {
			case "203.0.113.9":
				return &monitor.Place{Country: "DE", City: "Ber\x1blin", AS: 3320, Org: "Deutsche Telekom AG"}
			case "203.0.113.1":
				return &monitor.Place{Country: "NL", AS: 64500}
			}
			return nil
		}
	})
	st.gateway()
	st.commit()
	return st
}

// The table, the detail and the groups show places.
func TestScreensPlace(t *testing.T) {
	for _, c := range []struct{ name, keys string }{{"flows", ""}, {"detail", "<enter>"}, {"top", "3ooooz"}} {
		t.Run(c.name, func(t *testing.T) {
			st := placed(t)
			st.press(c.keys)
			var all string
			for _, size := range [][2]int{{80, 24}, {120, 30}, {160, 50}, {220, 60}} {
				st.size(size[0], size[1])
				all += fmt.Sprintf("# %d×%d\n%s", size[0], size[1], st.screen())
			}
			golden.File(t, "screens/place-"+c.name+".txt", all)
		})
	}
}

// A cell of a place is a filter, of both ends if both are known. Without --mmdb the filter is refused.
func TestPlaceFilter(t *testing.T) {
	st := placed(t)
	st.size(200, 30)
	got := map[string]bool{}
	for range 14 {
		st.press("f")
		got[st.s.Text] = true
		st.press("<ctrl+l><right>")
	}
	both := flowOf(monitor.TCP, "203.0.113.1:1", "203.0.113.9:2", "203.0.113.1:1", "203.0.113.9:2", seen, monitor.PathOut)
	texts, condition := st.s.Values(&page.Flow{Row: table.Row{Flow: both}}, filter.FieldCountrySrc, filter.FieldCountryDst)
	got[strings.Join(texts, "→")], got[condition] = true, true
	for _, want := range []string{"dst.country DE", `dst.city "Ber\x1blin"`, "NL→DE",
		`dst.as "AS3320 Deutsche Telekom AG"`,
		"src.country NL and dst.country DE"} {
		if !got[want] {
			t.Errorf("%q is not among %v", want, got)
		}
	}
	golden.Words(t, "tcp and city berlin", newStage(t).s.SetFilter("tcp and city berlin"))
}
