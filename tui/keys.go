package tui

import (
	"charm.land/bubbles/v2/key"
)

// keyMap is every key of the UI. The help is made of it.
type keyMap struct {
	Flows, Events, Top, NAT, NextPage, PrevPage key.Binding

	Up, Down, PageUp, PageDown, Home, End, Left, Right key.Binding

	Enter, Back, Filter, Clear, Only, Without  key.Binding
	Sort, Reverse, Pause, Export, Delete, Copy key.Binding
	Names, Theme, Help, Quit                   key.Binding
	Play, Slower, Faster, SeekBack, SeekOn     key.Binding
	Redraw                                     key.Binding
}

func bind(help, desc string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(help, desc))
}

func newKeyMap() keyMap {
	return keyMap{
		Flows:    bind("1", "flows", "1"),
		Events:   bind("2", "events", "2"),
		Top:      bind("3", "top", "3"),
		NAT:      bind("4", "NAT", "4"),
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
	k.Names.SetEnabled(c.Resolver != nil || c.Services != nil)
	for _, b := range []*key.Binding{&k.Play, &k.Slower, &k.Faster, &k.SeekBack, &k.SeekOn} {
		b.SetEnabled(c.Player != nil)
	}
}

// keyGroup is a column of the help.
type keyGroup struct {
	title string
	keys  []key.Binding
}

func (k *keyMap) groups() []keyGroup {
	g := []keyGroup{
		{"pages", []key.Binding{k.Flows, k.Events, k.Top, k.NAT, k.NextPage, k.PrevPage}},
		{"moving", []key.Binding{k.Up, k.Down, k.PageUp, k.PageDown, k.Home, k.End, k.Left, k.Right}},
		{"choosing", []key.Binding{k.Filter, k.Only, k.Without, k.Clear, k.Sort, k.Reverse, k.Enter, k.Back}},
		{"doing", []key.Binding{k.Pause, k.Export, k.Delete, k.Copy, k.Names, k.Theme, k.Redraw, k.Help, k.Quit}},
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
