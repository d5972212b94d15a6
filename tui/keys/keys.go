// Package keys says what each key of the terminal UI does.
//
// An [Action] has keys and words for help and footer, in one table. Each part that can
// have the focus (a page, the detail of a flow, help, the filter bar) says what its actions do;
// [Bind] makes a [Map] of that, once. Pressing a key, the help and the footer all read
// that map, so that none of them can say what is not so.
//
//	m := keys.Bind(keys.Moves(list), keys.Actions{keys.Enter: {Run: open, Does: "these flows"}})
//	cmd, ok := m.Press(msg)
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

// Action is something that a key does. The first MaxPages open a page each; the order of
// the others is that of help.
type Action uint8

// MaxPages is how many pages have a number as their key.
const MaxPages = 9

// The actions.
const (
	NextPage Action = iota + MaxPages
	PrevPage

	Up
	Down
	PageUp
	PageDown
	Home
	End
	Left
	Right

	Filter
	Only
	Without
	Clear
	Sort
	Reverse
	Enter
	Back

	Pause
	Export
	Delete
	Copy
	Names
	Theme
	Redraw
	Suspend
	Help
	Quit

	Play
	Slower
	Faster
	SeekBack
	SeekOn

	Accept // keys of the filter bar and of prompts, which help does not show
	Cancel
	Complete
	CompleteBack
	Older
	Newer
	actions
)

// binding is the keys of an action, as Bubble Tea names them, and how help and footer
// name it.
type binding struct {
	group string // the column of help; "": help does not show it
	label string // how the keys are shown
	does  string
	keys  []string
}

// bindings are all keys of the UI. Nothing else names a key.
var bindings = [actions]binding{
	0: {"pages", "1", "", []string{"1"}},
	1: {"pages", "2", "", []string{"2"}},
	2: {"pages", "3", "", []string{"3"}},
	3: {"pages", "4", "", []string{"4"}},
	4: {"pages", "5", "", []string{"5"}},
	5: {"pages", "6", "", []string{"6"}},
	6: {"pages", "7", "", []string{"7"}},
	7: {"pages", "8", "", []string{"8"}},
	8: {"pages", "9", "", []string{"9"}},

	NextPage: {"pages", "tab", "next page", []string{"tab"}},
	PrevPage: {"pages", "shift+tab", "previous page", []string{"shift+tab"}},

	Up:       {"moving", "↑/k", "up", []string{"up", "k"}},
	Down:     {"moving", "↓/j", "down", []string{"down", "j"}},
	PageUp:   {"moving", "pgup/b", "page up", []string{"pgup", "b", "ctrl+u"}},
	PageDown: {"moving", "pgdn/d", "page down", []string{"pgdown", "d", "ctrl+d"}},
	Home:     {"moving", "home/g", "top, and stay there", []string{"home", "g"}},
	End:      {"moving", "end/G", "end", []string{"end", "G"}},
	Left:     {"moving", "←/h", "previous column", []string{"left", "h"}},
	Right:    {"moving", "→/l", "next column", []string{"right", "l"}},

	Filter:  {"choosing", "/", "filter", []string{"/"}},
	Only:    {"choosing", "f", "only this value", []string{"f"}},
	Without: {"choosing", "F", "without this value", []string{"F"}},
	Clear:   {"choosing", "ctrl+l", "no filter", []string{"ctrl+l"}},
	Sort:    {"choosing", "s", "sort", []string{"s"}},
	Reverse: {"choosing", "r", "reverse", []string{"r"}},
	Enter:   {"choosing", "enter", "detail", []string{"enter"}},
	Back:    {"choosing", "esc", "back", []string{"esc", "backspace"}},

	Pause:   {"doing", "space", "pause", []string{"space"}},
	Export:  {"doing", "e", "export", []string{"e"}},
	Delete:  {"doing", "x", "delete", []string{"x", "delete"}},
	Copy:    {"doing", "y", "copy", []string{"y"}},
	Names:   {"doing", "n", "names", []string{"n"}},
	Theme:   {"doing", "t", "theme", []string{"t"}},
	Redraw:  {"doing", "ctrl+r", "redraw", []string{"ctrl+r"}},
	Suspend: {"doing", "ctrl+z", "suspend", []string{"ctrl+z"}},
	Help:    {"doing", "?", "help", []string{"?", "f1"}},
	Quit:    {"doing", "q", "quit", []string{"q", "ctrl+c"}},

	Play:     {"replay", "p", "play, stop", []string{"p"}},
	Slower:   {"replay", "-", "slower", []string{"-"}},
	Faster:   {"replay", "+", "faster", []string{"+", "="}},
	SeekBack: {"replay", "[", "10 s back", []string{"["}},
	SeekOn:   {"replay", "]", "10 s forward", []string{"]"}},

	Accept:       {"", "enter", "accept", []string{"enter"}},
	Cancel:       {"", "esc", "undo", []string{"esc", "ctrl+c"}},
	Complete:     {"", "tab", "complete", []string{"tab"}},
	CompleteBack: {"", "", "", []string{"shift+tab"}},
	Older:        {"", "↑↓", "history", []string{"up", "ctrl+p"}},
	Newer:        {"", "", "", []string{"down", "ctrl+n"}},
}

// Do is what an action does in one place. Label and Does, if not empty, name it there.
type Do struct {
	Run         func() tea.Cmd
	Label, Does string
}

// Act is an action without a command.
func Act(act func()) Do {
	return Do{Run: func() tea.Cmd { act(); return nil }}
}

// Actions are what keys do while one thing has the focus.
type Actions map[Action]Do

// Mover is a cursor in a list, or text that scrolls.
type Mover interface {
	Step(rows int) tea.Cmd
	Home() tea.Cmd
	End() tea.Cmd
	Lines() int // of the screen
}

// Moves are the actions that move m.
func Moves(m Mover) Actions {
	step := func(rows func() int) Do { return Do{Run: func() tea.Cmd { return m.Step(rows()) }} }
	return Actions{
		Up:       step(func() int { return -1 }),
		Down:     step(func() int { return 1 }),
		PageUp:   step(func() int { return -m.Lines() }),
		PageDown: step(m.Lines),
		Home:     {Run: m.Home},
		End:      {Run: m.End},
	}
}
