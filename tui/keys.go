package tui

import (
	"runtime"
	"slices"
	"strconv"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// keyMap is every key of the UI. The help is made of it.
type keyMap struct {
	Pages              []key.Binding // by their number
	NextPage, PrevPage key.Binding

	Up, Down, PageUp, PageDown, Home, End, Left, Right key.Binding

	Enter, Back, Filter, Clear, Only, Without  key.Binding
	Sort, Reverse, Pause, Export, Delete, Copy key.Binding
	Names, Theme, Help, Quit                   key.Binding
	Play, Slower, Faster, SeekBack, SeekOn     key.Binding
	Redraw, Suspend                            key.Binding
}

func bind(help, desc string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(help, desc))
}

func newKeyMap() keyMap {
	return keyMap{
		NextPage: bind("tab", "next page", "tab"),
		PrevPage: bind("shift+tab", "page before", "shift+tab"),

		Up:       bind("↑/k", "up", "up", "k"),
		Down:     bind("↓/j", "down", "down", "j"),
		PageUp:   bind("pgup/b", "page up", "pgup", "b", "ctrl+u"),
		PageDown: bind("pgdn/d", "page down", "pgdown", "d", "ctrl+d"),
		Home:     bind("home/g", "top, and stay there", "home", "g"),
		End:      bind("end/G", "end", "end", "G"),
		Left:     bind("←/h", "column, group before", "left", "h"),
		Right:    bind("→/l", "next column, group", "right", "l"),

		Enter:   bind("enter", "detail", "enter"),
		Back:    bind("esc", "back", "esc", "backspace"),
		Filter:  bind("/", "filter", "/"),
		Clear:   bind("ctrl+l", "no filter", "ctrl+l"),
		Only:    bind("f", "only this value", "f"),
		Without: bind("F", "without this value", "F"),

		Sort:    bind("s", "sort", "s"),
		Reverse: bind("r", "reverse", "r"),
		Pause:   bind("space", "pause", "space"),
		Export:  bind("e", "export", "e"),
		Delete:  bind("x", "delete", "x", "delete"),
		Copy:    bind("y", "copy", "y"),
		Names:   bind("n", "names", "n"),
		Theme:   bind("t", "theme", "t"),
		Help:    bind("?", "help", "?", "f1"),
		Quit:    bind("q", "quit", "q", "ctrl+c"),
		Redraw:  bind("ctrl+r", "draw anew", "ctrl+r"),
		Suspend: bind("ctrl+z", "to the shell", "ctrl+z"),

		Play:     bind("p", "play, stop", "p"),
		Slower:   bind("-", "slower", "-"),
		Faster:   bind("+", "faster", "+", "="),
		SeekBack: bind("[", "10 s back", "["),
		SeekOn:   bind("]", "10 s on", "]"),
	}
}

// limit switches the keys off whose work the configuration does not provide.
func (k *keyMap) limit(c *Config) {
	k.Delete.SetEnabled(c.Deleter != nil)
	k.Export.SetEnabled(c.Exporter != nil)
	k.Suspend.SetEnabled(runtime.GOOS != "windows")
	k.Names.SetEnabled(c.Resolver != nil || c.Services != nil)
	for _, b := range []*key.Binding{&k.Play, &k.Slower, &k.Faster, &k.SeekBack, &k.SeekOn} {
		b.SetEnabled(c.Player != nil)
	}
}

// number gives each page the key of its number.
func (k *keyMap) number(pages []page) {
	k.Pages = nil
	for i, p := range pages {
		n := strconv.Itoa(i + 1)
		k.Pages = append(k.Pages, bind(n, p.title(), n))
	}
}

// movement is what a key means for a cursor in a list.
type movement uint8

const (
	moveNot movement = iota
	moveRows
	moveHome
	moveEnd
)

// movement reads a key; a page has so many rows.
func (k *keyMap) movement(m tea.KeyPressMsg, page int) (rows int, where movement) {
	switch {
	case key.Matches(m, k.Up):
		return -1, moveRows
	case key.Matches(m, k.Down):
		return 1, moveRows
	case key.Matches(m, k.PageUp):
		return -page, moveRows
	case key.Matches(m, k.PageDown):
		return page, moveRows
	case key.Matches(m, k.Home):
		return 0, moveHome
	case key.Matches(m, k.End):
		return 0, moveEnd
	}
	return 0, moveNot
}

// mover is a list of which a stretch is at hand: what moves in it may ask for more.
type mover interface {
	step(rows int) tea.Cmd
	home() tea.Cmd
	last() tea.Cmd
}

// steer does what a key asks for that only moves; ok is false if it does not.
func (k *keyMap) steer(m tea.KeyPressMsg, page int, list mover) (cmd tea.Cmd, ok bool) {
	switch rows, where := k.movement(m, page); where {
	case moveRows:
		return list.step(rows), true
	case moveHome:
		return list.home(), true
	case moveEnd:
		return list.last(), true
	}
	return nil, false
}

// keyGroup is a column of the help.
type keyGroup struct {
	title string
	keys  []key.Binding
}

func (k *keyMap) groups() []keyGroup {
	g := []keyGroup{
		{"pages", append(slices.Clone(k.Pages), k.NextPage, k.PrevPage)},
		{"moving", []key.Binding{k.Up, k.Down, k.PageUp, k.PageDown, k.Home, k.End, k.Left, k.Right}},
		{"choosing", []key.Binding{k.Filter, k.Only, k.Without, k.Clear, k.Sort, k.Reverse, k.Enter, k.Back}},
		{"doing", []key.Binding{k.Pause, k.Export, k.Delete, k.Copy, k.Names, k.Theme, k.Redraw, k.Suspend, k.Help, k.Quit}},
		{"replay", []key.Binding{k.Play, k.Slower, k.Faster, k.SeekBack, k.SeekOn}},
	}
	out := g[:0]
	for _, x := range g {
		var on []key.Binding
		for _, b := range x.keys {
			if b.Enabled() {
				on = append(on, b)
			}
		}
		if len(on) > 0 {
			out = append(out, keyGroup{x.title, on})
		}
	}
	return out
}
