package tui

import (
	"cmp"

	"github.com/charmbracelet/colorprofile"

	"natlens/tui/paint"
)

// theme is how the roles of text look on this terminal.
type theme struct {
	style   paint.Style
	name    string // dark or light
	fixed   bool   // the user chose it
	noColor bool
	profile colorprofile.Profile
}

func newTheme(cfg *Config) theme {
	return theme{name: cmp.Or(cfg.Theme, "dark"), fixed: cfg.Theme != "", noColor: cfg.NoColor}
}

// setProfile chooses the style for the colours that the terminal has.
func (t *theme) setProfile(p colorprofile.Profile) {
	if t.noColor && p > colorprofile.ASCII {
		p = colorprofile.ASCII
	}
	t.profile = p
	t.style = paint.For(t.name, p)
}

// setBackground chooses the theme by the terminal's background.
func (t *theme) setBackground(dark bool) {
	if !t.fixed && dark != (t.name == "dark") {
		t.turn()
	}
}

// turn changes between dark and light.
func (t *theme) turn() {
	t.name = map[string]string{"dark": "light", "light": "dark"}[t.name]
	t.style = paint.For(t.name, t.profile)
}
