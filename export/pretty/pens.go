package pretty

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"
)

// pens are the escape sequences that begin a colour, and the one that ends it;
// all empty without colours. Lip Gloss makes them once: rendering a line only
// copies.
type pens struct {
	nat, ended, warn, bad string
	reset                 string
}

// newPens returns pens of the terminal's own sixteen colours, which its theme
// keeps readable.
func newPens(light bool) pens {
	pick := lipgloss.LightDark(!light)
	p := pens{}
	p.nat, p.reset = pen(pick(lipgloss.Blue, lipgloss.Cyan))
	p.ended, _ = pen(lipgloss.BrightBlack)
	p.warn, _ = pen(pick(lipgloss.Magenta, lipgloss.Yellow))
	p.bad, _ = pen(lipgloss.Red)
	return p
}

// pen returns what a style writes before and behind the text.
func pen(c color.Color) (before, behind string) {
	before, behind, _ = strings.Cut(lipgloss.NewStyle().Foreground(c).Render("x"), "x")
	return before, behind
}

// off ends a colour that may be none.
func (p *pens) off(colour string) string {
	if colour == "" {
		return ""
	}
	return p.reset
}
