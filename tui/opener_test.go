package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// A key right behind enter finds open what enter opens: it does not wait for a
// message, which would come behind the key.
func TestKeyRightBehindEnter(t *testing.T) {
	enter := tea.KeyPressMsg{Code: tea.KeyEnter}
	for _, c := range []struct {
		page string
		next tea.KeyPressMsg
		want func(st *stage) bool
	}{
		{"1", tea.KeyPressMsg{Code: tea.KeyEscape}, func(st *stage) bool { return st.s.Open == 0 && !st.detail.Open }},
		{"1", tea.KeyPressMsg{Code: tea.KeyDown}, func(st *stage) bool { return st.detail.Open && st.flows().Line == 0 }},
		{"2", tea.KeyPressMsg{Code: tea.KeyDown}, func(st *stage) bool { return st.s.Open == 1 && st.detail.Open }},
		{"3", tea.KeyPressMsg{Code: tea.KeyDown}, func(st *stage) bool { return st.s.Open == 0 && st.s.Text != "" }},
		{"4", tea.KeyPressMsg{Code: tea.KeyDown}, func(st *stage) bool { return st.s.Open == 0 && st.s.Text != "" }},
		{"6", tea.KeyPressMsg{Code: '2', Text: "2"}, func(st *stage) bool { return st.s.Open == 5 && strings.HasPrefix(st.line(st.height-1), " who 2") }},
	} {
		st := newStage(t, func(c *Config) { c.Who = &fakeAsker{} })
		st.gateway()
		st.press(c.page)
		_, first := st.Update(enter)
		_, second := st.Update(c.next)
		st.run(first) // what they started ends only now
		st.run(second)
		if !c.want(st) {
			t.Errorf("page %s: enter and %s\n%s", c.page, c.next, st.screen())
		}
	}
}

// On pages that do not show flows their number goes on, and how many the
// filter wants is not said: what was counted on the previous page is no longer so.
func TestFlowsAreCountedOnEveryPage(t *testing.T) {
	for page, want := range map[string]struct{ flows, export string }{
		"1": {"101 of 101 flows", "the 101 flows shown"},
		"2": {" 102 flows", "the 102 events shown"},
		"3": {"103 of 103 flows", "the 103 flows shown"},
		"4": {"104 of 104 flows", "the 104 flows shown"},
		"5": {" 105 flows", "the flows of the filter"},
		"6": {" 106 flows", "the flows of the filter"},
	} {
		st := newStage(t, func(c *Config) { c.Who, c.Exporter = &fakeAsker{}, &disk{files: map[string]*file{}} })
		st.clients(99 + int(page[0]-'0'))
		st.size(120, 30)
		st.press("/tcp<enter>" + page)
		st.newcomer(50000)
		status := strings.Split(st.screen(), "\n")[1]
		if !strings.Contains(status, want.flows) || strings.Contains(status, " of ") != strings.Contains(want.flows, " of ") {
			t.Errorf("page %s: %q does not say %q", page, status, want.flows)
		}
		st.press("e")
		if s := st.screen(); !strings.Contains(s, want.export) {
			t.Errorf("page %s: %q is not offered:\n%s", page, want.export, s)
		}
	}
}

// An empty page of events speaks of events.
func TestNoEventMatches(t *testing.T) {
	st := newStage(t)
	st.clients(100)
	st.press("2/udp<enter>")
	if s := st.screen(); !strings.Contains(s, "none of the last 100 events matches the filter") {
		t.Error(s)
	}
}
