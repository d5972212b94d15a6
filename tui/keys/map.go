package keys

import (
	"maps"

	tea "charm.land/bubbletea/v2"
)

// Map is what the keys do while one thing has the focus: a page, the detail of a flow,
// the help or the filter bar. Help and footer read their words in it.
type Map struct {
	do    Actions
	byKey map[string]Action
}

// Bind makes the map of all actions. Two of them must not have a key in common.
func Bind(all ...Actions) Map {
	m := Map{do: make(Actions), byKey: make(map[string]Action)}
	for _, some := range all {
		maps.Copy(m.do, some)
	}
	for a := range m.do {
		for _, k := range bindings[a].keys {
			if _, twice := m.byKey[k]; twice {
				panic("keys: two actions have the key " + k)
			}
			m.byKey[k] = a
		}
	}
	return m
}

// Action returns what a key means.
func (m *Map) Action(k tea.KeyPressMsg) (a Action, ok bool) {
	a, ok = m.byKey[k.String()]
	return a, ok
}

// Press does what a key does; ok is false if it does nothing.
func (m *Map) Press(k tea.KeyPressMsg) (cmd tea.Cmd, ok bool) {
	a, ok := m.Action(k)
	if !ok {
		return nil, false
	}
	return m.Run(a), true
}

// Run does what an action does, which may be nothing here.
func (m *Map) Run(a Action) tea.Cmd {
	if do := m.do[a].Run; do != nil {
		return do()
	}
	return nil
}

// Hint is an action as help and footer show it.
type Hint struct {
	Action      Action
	Label, Does string
}

// Hint returns the words of an action; ok is false if it is not bound.
func (m *Map) Hint(a Action) (h Hint, ok bool) {
	do, ok := m.do[a]
	h = Hint{a, bindings[a].label, bindings[a].does}
	if do.Label != "" {
		h.Label = do.Label
	}
	if do.Does != "" {
		h.Does = do.Does
	}
	return h, ok
}

// Group is a column of help.
type Group struct {
	Title string
	Hints []Hint
}

// Groups returns all that help shows, in its order.
func (m *Map) Groups() (out []Group) {
	for a := range actions {
		h, ok := m.Hint(a)
		title := bindings[a].group
		if !ok || title == "" {
			continue
		}
		if len(out) == 0 || out[len(out)-1].Title != title {
			out = append(out, Group{Title: title})
		}
		out[len(out)-1].Hints = append(out[len(out)-1].Hints, h)
	}
	return out
}
