package keys

import (
	"testing"

	tea "charm.land/bubbletea/v2"
)

// Every action has keys and words, and no two that are shown together have a key in common.
func TestBindings(t *testing.T) {
	shown := Actions{}
	for a := range actions {
		if len(defaults[a].keys) == 0 || defaults[a].group != "" && defaults[a].label == "" || defaults[a].name == "" {
			t.Errorf("action %d has no key, no name of it or no name in a configuration file", a)
		}
		if defaults[a].group != "" {
			shown[a] = Do{}
		}
	}
	Default().Bind(shown) // panics if two have a key in common
	defer func() {
		if recover() == nil {
			t.Error("enter means two things")
		}
	}()
	Default().Bind(Actions{Enter: {}, Accept: {}})
}

// A key, a click on its hint and the help go by the same map.
func TestMap(t *testing.T) {
	did := 0
	m := Default().Bind(Actions{Sort: {Run: func() tea.Cmd { did++; return nil }}, Home: {}},
		Actions{Enter: {Run: func() tea.Cmd { did += 10; return nil }, Does: "these flows"}})
	for _, k := range []tea.KeyPressMsg{{Code: 's', Text: "s"}, {Code: tea.KeyEnter}, {Code: tea.KeyHome}} {
		if _, ok := m.Press(k); !ok {
			t.Errorf("%s is not bound", k)
		}
	}
	if _, ok := m.Press(tea.KeyPressMsg{Code: 'x', Text: "x"}); ok || did != 11 {
		t.Errorf("x is bound: %v; did %d", ok, did)
	}
	m.Run(Sort)
	if m.Run(Quit); did != 12 {
		t.Errorf("did %d", did)
	}
	groups := m.Groups()
	if len(groups) != 2 || groups[0].Title != "moving" || len(groups[1].Hints) != 2 ||
		groups[1].Hints[1].Does != "these flows" {
		t.Errorf("help: %+v", groups)
	}
	if _, ok := m.Hint(Quit); ok {
		t.Error("a hint of what is not bound")
	}
}
