package paint

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
