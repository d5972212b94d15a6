package keys

import (
	"testing"

	tea "charm.land/bubbletea/v2"
)

// Every action has keys and words, and no two that are shown together have a key in common.
func TestBindings(t *testing.T) {
	shown := Actions{}
	for a := range actions {
		if len(bindings[a].keys) == 0 || bindings[a].group != "" && bindings[a].label == "" {
			t.Errorf("action %d has no key, or no name of it", a)
		}
		if bindings[a].group != "" {
			shown[a] = Do{}
		}
	}
	Bind(shown) // panics if two have a key in common
	defer func() {
		if recover() == nil {
			t.Error("enter means two things")
		}
	}()
	Bind(Actions{Enter: {}, Accept: {}})
}

// A key, a click on its hint and the help go by the same map.
func TestMap(t *testing.T) {
	did := 0
	m := Bind(Actions{Sort: {Run: func() tea.Cmd { did++; return nil }}, Home: {}},
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
