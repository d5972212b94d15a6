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
	t.set(colorprofile.NoTTY)
	return t
}

// setProfile chooses the style for the colours that the terminal has.
func (t *theme) setProfile(p colorprofile.Profile) {
	if t.noColor && p > colorprofile.ASCII {
		p = colorprofile.ASCII
	}
	t.set(p)
}

func (t *theme) set(p colorprofile.Profile) {
	t.profile = p
	t.style = paint.For(t.name, p)
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
	t.name = map[string]string{"dark": "light", "light": "dark"}[t.name]
	t.set(t.profile)
}
