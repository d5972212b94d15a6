package tui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor/golden"
	"natlens/tui/flows"
	"natlens/tui/page"
)

// saved keeps what the UI saves.
type saved struct {
	columns []string
	views   []page.View
}

func (s *saved) SaveColumns(columns []string) error { s.columns = columns; return nil }
func (s *saved) SaveView(v page.View) error         { s.views = append(s.views, v); return nil }

// titles are the words of the line with the titles of the columns.
func (st *stage) titles() string { return strings.Join(strings.Fields(st.line(2)), " ") }

// The user shows, hides, moves and widens columns; each change is saved.
func TestColumns(t *testing.T) {
	var kept saved
	st := newStage(t, func(c *Config) { c.Saver = &kept })
	st.gateway()
	st.size(160, 50)
	usual := st.titles()
	st.press("c")
	golden.File(t, "screens/columns.txt", []byte(st.screen()))
	st.press("<enter><down><right><right>-<down><down><down><down><down><enter><esc>")
	if got, want := strings.Join(kept.columns, " "), "state:14 addresses age left"; got != want {
		t.Errorf("saved %q, want %q", got, want)
	}
	if got, want := st.titles(), "STATE SOURCE SENT AS DESTINATION DELIVERED TO AGE▲ LEFT"; got != want {
		t.Errorf("titles %q, want %q", got, want)
	}
	st.press("<right><right><right><right><right>s")
	if got, want := st.titles(), "STATE SOURCE SENT AS DESTINATION DELIVERED TO AGE LEFT▲"; got != want {
		t.Errorf("titles %q, want %q", got, want)
	}
	st.press("c<ctrl+l><esc>")
	if got := strings.NewReplacer("▲", "", "▼", "").Replace(st.titles()); kept.columns != nil || got != strings.NewReplacer("▲", "", "▼", "").Replace(usual) {
		t.Errorf("saved %q, titles %q, want %q", kept.columns, got, usual)
	}
	st.press("2c")
	if st.list != nil {
		t.Error("Events has columns to choose")
	}
}

func TestParseColumns(t *testing.T) {
	got, err := flows.ParseColumns([]string{"mark", "addresses", "process:20"})
	if err != nil || len(got) != 3 || got[2].Text() != "process:20" || got[1].Text() != "addresses" {
		t.Errorf("%+v %v", got, err)
	}
	for text, want := range map[string]string{
		"addresses rat":         `unknown column "rat": did you mean rate?`,
		"addresses sent-as":     `unknown column "sent-as": it is one of proto, state, netns, process, addresses, up, down, rate, bytes, bytes-up, bytes-down, packets, age, left, mark, zone, helper, labels, country, city, as`,
		"rate:2 addresses":      `column "rate:2": the width must be from 3 to 60, and addresses have none`,
		"rate:x addresses":      `column "rate:x": the width must be from 3 to 60, and addresses have none`,
		"addresses:30":          `column "addresses:30": the width must be from 3 to 60, and addresses have none`,
		"addresses rate rate:9": `column "rate" appears twice`,
		"rate":                  "the column addresses is missing",
		"addresses :5":          `unknown column "": it is one of proto, `,
	} {
		if _, err := flows.ParseColumns(strings.Fields(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// A view is the page, the filter, the columns and the order; it is saved, opened and deleted.
func TestViews(t *testing.T) {
	var kept saved
	st := newStage(t, func(c *Config) {
		c.Saver = &kept
		c.Columns, _ = flows.ParseColumns([]string{"addresses", "bytes", "proto"})
	})
	st.gateway()
	st.size(120, 30)
	st.press("/tcp<enter><right><right><right><right>s")
	before := st.screen()
	st.press("v<enter>web<enter>")
	st.press("3oo/<ctrl+u>udp<enter>v<enter>up<enter>")
	want := []page.View{
		{Name: "web", Page: "flows", Filter: "tcp", Sort: "-bytes", Columns: []string{"addresses", "bytes", "proto"}},
		{Name: "up", Page: "top", Filter: "udp", By: "dst > proto,dport", Sort: "-flows", Columns: []string{"addresses", "bytes", "proto"}},
	}
	if diff := cmp.Diff(want, kept.views); diff != "" {
		t.Errorf("saved (-want +got):\n%s", diff)
	}
	st.press("v<down>")
	golden.File(t, "screens/views.txt", []byte(st.screen()))
	st.press("<enter>")
	if diff := cmp.Diff(strings.Split(before, "\n")[1:20], strings.Split(st.screen(), "\n")[1:20]); diff != "" {
		t.Errorf("the opened view (-want +got):\n%s", diff)
	}
	st.press("v<down>x")
	if got := kept.views[len(kept.views)-1]; got.Name != "web" || got.Page != "" {
		t.Errorf("deleted: %+v", got)
	}
	if strings.Contains(st.screen(), " web ") {
		t.Errorf("web is still there:\n%s", st.screen())
	}
	st.press("x<enter>")
	if st.prompt == nil {
		t.Error("the first row asks for a name")
	}
}

// Of ages, - is the oldest first, as the arrow in the title.
func TestViewOfAges(t *testing.T) {
	var kept saved
	st := newStage(t, func(c *Config) { c.Saver = &kept })
	st.gateway()
	st.size(160, 50)
	for i, want := range []struct{ keys, sort, title string }{{"", "age", "AGE▲"}, {"r", "-age", "AGE▼"}} {
		st.press(want.keys + "v<enter>a<enter>")
		if kept.views[i].Sort != want.sort || !strings.Contains(st.titles(), want.title) {
			t.Errorf("%+v, titles %q, want %+v", kept.views[i], st.titles(), want)
		}
	}
	st.press("rv<down><enter>")
	if !strings.Contains(st.titles(), "AGE▼") {
		t.Errorf("opened: titles %q", st.titles())
	}
}

// A view that does not work here says why, and changes nothing.
func TestViewErrors(t *testing.T) {
	for want, v := range map[string]page.View{
		"this run has no page who":                         {Page: "who"},
		`view v: unknown column "colour": it is one of`:    {Page: "flows", Sort: "-colour"},
		`view v: unknown column "x": it is one of name, `:  {Page: "top", Sort: "x"},
		"view v: column 1: ":                               {Page: "flows", Filter: "x"},
		`view v: unknown column "rat": did you mean rate?`: {Page: "flows", Columns: []string{"rat"}},
	} {
		v.Name = "v"
		st := newStage(t, func(c *Config) { c.Views = []page.View{v}; c.View = "v" })
		st.gateway()
		st.run(st.Init())
		if got := st.line(st.height - 1); !strings.HasPrefix(strings.TrimSpace(got), want) {
			t.Errorf("%+v: %q, want %q", v, got, want)
		}
	}
	st := newStage(t, func(c *Config) {
		c.Views = []page.View{{Name: "v", Page: "top", Filter: "tcp"}}
		c.View, c.Filter = "v", "udp"
	})
	st.run(st.Init())
	if st.s.Open != 2 || st.s.Text != "udp" {
		t.Errorf("page %d, filter %q", st.s.Open, st.s.Text)
	}
}
