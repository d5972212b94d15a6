// Package keys defines what each key of the terminal UI does.
//
// An [Action] has keys and words for help and footer, in one table. Each part that can have the
// focus (a page, the detail of a flow, help, the filter bar) defines what its actions do;
// [Bindings.Bind] makes a [Map] of them, once. Key presses, help and footer all use that map, so
// they always agree.
//
//	m := keys.Default().Bind(keys.Moves(list), keys.Actions{keys.Enter: {Run: open, Does: "these flows"}})
//	cmd, ok := m.Press(msg)
package keys

import (
	"cmp"
	"maps"
	"slices"

	tea "charm.land/bubbletea/v2"
)

// Map is the meaning of the keys for one focus: a page, the detail of a flow, the help or the
// filter bar. Help and footer read their words from it.
type Map struct {
	bindings *Bindings
	do       Actions
	byKey    map[string]Action
}

// Bind makes the map of all actions. Two actions must not have the same key.
func (b *Bindings) Bind(all ...Actions) Map {
	m := Map{bindings: b, do: make(Actions), byKey: make(map[string]Action)}
	for _, some := range all {
		maps.Copy(m.do, some)
	}
	for a := range m.do {
		for _, k := range b[a].keys {
			if _, twice := m.byKey[k]; twice {
				panic("keys: two actions have the key " + k)
			}
			m.byKey[k] = a
		}
	}
	return m
}

// Action returns the action of a key.
func (m *Map) Action(k tea.KeyPressMsg) (a Action, ok bool) {
	a, ok = m.byKey[k.String()]
	return a, ok
}

// Press runs the action of a key; ok is false if it has none.
func (m *Map) Press(k tea.KeyPressMsg) (cmd tea.Cmd, ok bool) {
	a, ok := m.Action(k)
	if !ok {
		return nil, false
	}
	return m.Run(a), true
}

// Run runs an action, if it is bound.
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

// Hint returns the words of an action; ok is false if it is not bound or has no key.
func (m *Map) Hint(a Action) (h Hint, ok bool) {
	do, ok := m.do[a]
	b := &m.bindings[a]
	h = Hint{a, cmp.Or(do.Label, b.label), cmp.Or(do.Does, b.does)}
	if !slices.Equal(b.keys, defaults[a].keys) {
		h.Label = b.label
	}
	return h, ok && (len(b.keys) > 0 || h.Label != "")
}

// Group is a column of help.
type Group struct {
	Title string
	Hints []Hint
}

// Groups returns the groups of help in their order.
func (m *Map) Groups() (out []Group) {
	for a := range actions {
		h, ok := m.Hint(a)
		title := m.bindings[a].group
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

// Action is something that a key does. Each of the first MaxPages opens a page; the others are
// in the order of help.
type Action uint8

// MaxPages is the maximum number of pages with a digit as key.
const MaxPages = 6

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
	GroupBy
	Fields
	Fold
	Window
	Columns
	Views
	Enter
	Back

	Pause
	Mark
	MarkAll
	Export
	Delete
	Copy
	Rules
	Explain
	Names
	Theme
	Redraw
	Suspend
	Help
	Quit

	Slower
	Faster
	SeekBack
	SeekOn

	Accept // keys of the filter bar and of prompts; help does not show them
	Cancel
	Complete
	CompleteBack
	Older
	Newer
	actions
)

// binding is the keys of an action by Bubble Tea's names, and its words in help and footer.
type binding struct {
	name  string // in a configuration file
	group string // the column of help; "": help does not show it
	label string // the keys as they are shown
	does  string
	keys  []string
}

// defaults are all keys of the UI. No other code names a key.
var defaults = Bindings{
	0: {"page1", "pages", "1", "", []string{"1"}},
	1: {"page2", "pages", "2", "", []string{"2"}},
	2: {"page3", "pages", "3", "", []string{"3"}},
	3: {"page4", "pages", "4", "", []string{"4"}},
	4: {"page5", "pages", "5", "", []string{"5"}},
	5: {"page6", "pages", "6", "", []string{"6"}},

	NextPage: {"next-page", "pages", "tab", "next page", []string{"tab"}},
	PrevPage: {"previous-page", "pages", "shift+tab", "previous page", []string{"shift+tab"}},

	Up:       {"up", "moving", "↑/k", "up", []string{"up", "k"}},
	Down:     {"down", "moving", "↓/j", "down", []string{"down", "j"}},
	PageUp:   {"page-up", "moving", "pgup/b", "page up", []string{"pgup", "b", "ctrl+u"}},
	PageDown: {"page-down", "moving", "pgdn/d", "page down", []string{"pgdown", "d", "ctrl+d"}},
	Home:     {"home", "moving", "home/g", "top, and follow new rows", []string{"home", "g"}},
	End:      {"end", "moving", "end/G", "end", []string{"end", "G"}},
	Left:     {"left", "moving", "←/h", "previous column", []string{"left", "h"}},
	Right:    {"right", "moving", "→/l", "next column", []string{"right", "l"}},

	Filter:  {"filter", "choosing", "/", "filter", []string{"/"}},
	Only:    {"only", "choosing", "f", "only this value", []string{"f"}},
	Without: {"without", "choosing", "F", "without this value", []string{"F"}},
	Clear:   {"clear", "choosing", "ctrl+l", "no filter", []string{"ctrl+l"}},
	Sort:    {"sort", "choosing", "s", "sort", []string{"s"}},
	Reverse: {"reverse", "choosing", "r", "reverse", []string{"r"}},
	GroupBy: {"group-by", "choosing", "o", "group by", []string{"o"}},
	Fields:  {"group-by-fields", "choosing", "O", "group by any fields", []string{"O"}},
	Fold:    {"fold", "choosing", "z", "open or close", []string{"z"}},
	Window:  {"window", "choosing", "a", "rates over 1, 10, 60 s", []string{"a"}},
	Columns: {"columns", "choosing", "c", "columns", []string{"c"}},
	Views:   {"views", "choosing", "v", "views", []string{"v"}},
	Enter:   {"enter", "choosing", "enter", "detail", []string{"enter"}},
	Back:    {"back", "choosing", "esc", "back", []string{"esc", "backspace"}},

	Pause:   {"pause", "doing", "space", "pause", []string{"space", "p"}},
	Mark:    {"mark", "doing", "m", "mark", []string{"m"}},
	MarkAll: {"mark-all", "doing", "M", "mark all, or none", []string{"M"}},
	Export:  {"export", "doing", "e", "export", []string{"e"}},
	Delete:  {"delete", "doing", "x", "delete", []string{"x", "delete"}},
	Copy:    {"copy", "doing", "y", "copy", []string{"y"}},
	Rules:   {"rules", "doing", "w", "which rule", []string{"w"}},
	Explain: {"explain", "doing", "i", "explain", []string{"i"}},
	Names:   {"names", "doing", "n", "names", []string{"n"}},
	Theme:   {"theme", "doing", "t", "theme", []string{"t"}},
	Redraw:  {"redraw", "doing", "ctrl+r", "redraw", []string{"ctrl+r"}},
	Suspend: {"suspend", "doing", "ctrl+z", "suspend", []string{"ctrl+z"}},
	Help:    {"help", "doing", "?", "help", []string{"?", "f1"}},
	Quit:    {"quit", "doing", "q", "quit", []string{"q", "ctrl+c"}},

	Slower:   {"slower", "replay", "-", "slower", []string{"-"}},
	Faster:   {"faster", "replay", "+", "faster", []string{"+", "="}},
	SeekBack: {"seek-back", "replay", "[", "10 s back", []string{"["}},
	SeekOn:   {"seek-forward", "replay", "]", "10 s forward", []string{"]"}},

	Accept:       {"accept", "", "enter", "accept", []string{"enter"}},
	Cancel:       {"cancel", "", "esc", "undo", []string{"esc", "ctrl+c"}},
	Complete:     {"complete", "", "tab", "complete", []string{"tab"}},
	CompleteBack: {"complete-back", "", "", "", []string{"shift+tab"}},
	Older:        {"older", "", "↑↓", "history", []string{"up", "ctrl+p"}},
	Newer:        {"newer", "", "", "", []string{"down", "ctrl+n"}},
}

// Do is what an action does for one focus. Label and Does, if not empty, replace its words.
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
