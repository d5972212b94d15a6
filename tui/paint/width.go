package paint

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Width returns the terminal cells that text takes: two for wide characters,
// none for combining ones. It is the measure that the renderer uses.
func Width(text string) int {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return ansi.StringWidth(text)
		}
	}
	return len(text)
}

// Cut shortens text to so many cells; what is cut ends in an ellipsis.
func Cut(text string, cells int) string {
	if Width(text) <= cells {
		return text
	}
	return ansi.Truncate(text, cells, "…")
}

// Wrap breaks text into lines of so many cells, between words. A hyphen is a part of
// its word: commands and their flags stay whole. Only a word that is longer than a
// line is broken.
func Wrap(text string, cells int) []string {
	const hyphen = "\u2011" // as wide as "-", and not broken behind
	text = ansi.Wrap(strings.ReplaceAll(text, "-", hyphen), cells, "")
	return strings.Split(strings.ReplaceAll(text, hyphen, "-"), "\n")
}

// CutMiddle is Cut, but takes the middle out: of a long address, the network and the end
// are both useful.
func CutMiddle(text string, cells int) string {
	w := Width(text)
	switch {
	case w <= cells:
		return text
	case cells <= 0:
		return ""
	}
	left := cells / 2
	return ansi.Truncate(text, left, "") + "…" + ansi.Cut(text, w-(cells-1-left), w)
}

// Lend gives columns that need more than their share room from those that need less.
func Lend(share, needs []int) {
	for i := range share {
		for j := range share {
			if lacks, spare := needs[i]-share[i], share[j]-needs[j]; lacks > 0 && spare > 0 {
				n := min(lacks, spare)
				share[i], share[j] = share[i]+n, share[j]-n
			}
		}
	}
}

// Cell is where a cell of a row begins, and the cells that its text takes.
type Cell struct{ At, Width int }

// Spread finds where the cells of a row begin, so that all of them have their room before
// end with gap blanks between them. Cells stay in their columns as far as they can: one
// that is too wide moves those at its right first, and then those at its left. Cells
// without a width are ignored. The cells must fit together.
func Spread(cells []Cell, end, gap int) {
	free := 0 // first column that is free
	for i := range cells {
		if c := &cells[i]; c.Width > 0 {
			c.At = max(c.At, free)
			free = c.At + c.Width + gap
		}
	}
	for i := len(cells) - 1; i >= 0; i-- {
		if c := &cells[i]; c.Width > 0 {
			c.At = min(c.At, end-c.Width)
			end = c.At - gap
		}
	}
}
