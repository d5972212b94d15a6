package tui

import (
	"strings"

	"natlens/monitor"
	"natlens/tui/paint"
)

// spark is the events of the last minute, second by second. It is drawn with the
// eight block characters, one cell a few seconds: a chart library's canvas is
// more than a line of the header needs.
type spark struct {
	counts [sparkSeconds]uint64 // by second, a ring
	head   int                  // where the next second goes
	n      int                  // seconds known
	last   uint64               // events at the last full second
	at     monitor.Time         // of the last sample; 0: none
	rate   uint64               // events per second, over the last second
}

const sparkSeconds = 60

// sample notes how many events there have been. It may be called at any time and
// counts whole seconds. After a step back in time, of a recording or of the clock, it
// goes on from there.
func (s *spark) sample(now monitor.Time, events uint64) {
	if s.at == 0 || now < s.at || events < s.last {
		s.at, s.last = now, events
		return
	}
	seconds := int((now - s.at) / 1e9)
	if seconds < 1 {
		return
	}
	s.rate = (events - s.last) / uint64(seconds)
	for range min(seconds, sparkSeconds) {
		s.counts[s.head] = s.rate
		s.head = (s.head + 1) % sparkSeconds
		s.n = min(s.n+1, sparkSeconds)
	}
	s.at += monitor.Time(seconds) * 1e9
	s.last = events
}

// text draws the last minute in so many cells; seconds that are not known yet
// are blank. Each cell is the busiest of its seconds.
func (s *spark) text(cells int) string {
	per := sparkSeconds / cells
	var values [sparkSeconds]uint64
	var top uint64
	for c := range cells {
		for i := range per {
			back := (cells-1-c)*per + per - i // seconds before now, from 1
			if back <= s.n {
				values[c] = max(values[c], s.counts[(s.head-back+2*sparkSeconds)%sparkSeconds])
			}
		}
		top = max(top, values[c])
	}
	out := make([]rune, cells)
	for c := range cells {
		switch {
		case (cells-1-c)*per >= s.n:
			out[c] = ' '
		case values[c] == 0:
			out[c] = blocks[0]
		default:
			out[c] = blocks[min(7, values[c]*8/(top+1))]
		}
	}
	return string(out)
}

var blocks = []rune("▁▂▃▄▅▆▇█")

// addBar draws a share between 0 and 1 in so many cells, to half a cell: a line,
// which bars above and below it leave as it is.
func addBar(l *paint.Line, r paint.Role, share float64, cells int) {
	halves := int(share*float64(2*cells) + 0.5)
	full := strings.Repeat("━", halves/2)
	if halves%2 == 1 {
		full += "╸"
	}
	l.Add(r, full)
	l.Add(paint.Ended, strings.Repeat("─", cells-paint.Width(full)))
}
