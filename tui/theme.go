package tui

import (
	"cmp"

	"github.com/charmbracelet/colorprofile"

	"natlens/tui/paint"
)

// theme is the style of each role of text on this terminal.
type theme struct {
	style   paint.Style
	name    string // dark or light
	fixed   bool   // the user chose it
	noColor bool
	ascii   bool
	profile colorprofile.Profile
}

func newTheme(cfg *Config) theme {
	t := theme{name: cmp.Or(cfg.Theme, "dark"), fixed: cfg.Theme != "", noColor: cfg.NoColor, ascii: cfg.ASCII}
	t.set(t.name, colorprofile.NoTTY)
	return t
}

// set chooses the style for a theme and the colours that the terminal has.
func (t *theme) set(name string, p colorprofile.Profile) {
	if t.noColor {
		p = min(p, colorprofile.ASCII)
	}
	t.name, t.profile, t.style = name, p, paint.For(name, p)
	if t.ascii {
		t.style = t.style.ASCII()
	}
}

// setBackground chooses the theme by the terminal's background.
func (t *theme) setBackground(dark bool) {
	if !t.fixed && dark != (t.name == "dark") {
		t.turn()
	}
}

// turn changes between dark and light.
func (t *theme) turn() {
	t.set(map[string]string{"dark": "light", "light": "dark"}[t.name], t.profile)
}
