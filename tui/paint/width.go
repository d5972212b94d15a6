package paint

import "github.com/charmbracelet/x/ansi"

// Width returns the number of terminal cells of a text: two for wide characters, none for
// combining ones. The renderer measures in the same way.
func Width(text string) int {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return ansi.StringWidth(text)
		}
	}
	return len(text)
}

// Cut shortens text to the given width, with an ellipsis at the end.
func Cut(text string, cells int) string {
	if Width(text) <= cells {
		return text
	}
	return ansi.Truncate(text, cells, "…")
}

// CutMiddle is Cut, but removes the middle: of a long address, both the network and the end are
// useful.
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

// Lend moves space from columns that need less than their share to those that need more.
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

// Cell is the start of a cell in a row, and the width of its text.
type Cell struct{ At, Width int }

// Spread computes the starts of the cells of a row, so that all fit before end with gap spaces
// between them. Cells stay in their columns if possible: one that is too wide moves the cells
// at its right first, then those at its left. Cells without a width are ignored. The cells must
// fit together.
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
