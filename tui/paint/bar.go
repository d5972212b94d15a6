package paint

import "strings"

// blocks are cells that are filled by eighths from below.
var blocks = []rune("▁▂▃▄▅▆▇█")

// Bar appends a share between 0 and 1 as a bar of cells, with half cells.
func (l *Line) Bar(r Role, share float64, cells int) {
	halves := int(share*float64(2*cells) + 0.5)
	full := strings.Repeat("━", halves/2)
	if halves%2 == 1 {
		full += "╸"
	}
	l.Add(r, full)
	l.Add(Ended, strings.Repeat("─", cells-Width(full)))
}

// Spark draws values as one line of blocks. Only the last known values are drawn; those before
// are blank.
func Spark(values []uint64, known int) string {
	top := uint64(0)
	for _, v := range values {
		top = max(top, v)
	}
	out := make([]rune, len(values))
	for i, v := range values {
		out[i] = blocks[min(7, v*8/(top+1))]
		if i < len(values)-known {
			out[i] = ' '
		}
	}
	return string(out)
}

// Chart draws values in lines of blocks, the top line first. Only the last values are
// known; those before are blank. A value that is not 0 is visible.
func Chart(values []uint64, known, height int) []string {
	top := uint64(1)
	for _, v := range values {
		top = max(top, v)
	}
	levels := uint64(8 * height)
	out := make([]string, height)
	for line := range height {
		below := uint64(8 * (height - 1 - line)) // levels under this line
		row := make([]rune, len(values))
		for i, v := range values {
			level := v * levels / top
			if v > 0 {
				level = max(level, 1)
			}
			switch {
			case i < len(values)-known:
				row[i] = ' '
			case level > below:
				row[i] = blocks[min(8, level-below)-1]
			case line == height-1:
				row[i] = '·'
			default:
				row[i] = ' '
			}
		}
		out[line] = string(row)
	}
	return out
}

// Level returns the role of a share: Warn from 70 %, Bad from 90 %, otherwise usual.
func Level(used float64, usual Role) Role {
	switch {
	case used >= 0.9:
		return Bad
	case used >= 0.7:
		return Warn
	}
	return usual
}
