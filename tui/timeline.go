package tui

import "natlens/monitor"

// timelineSeconds is how far back the charts go: ten minutes.
const timelineSeconds = 600

// timeline is the last ten minutes, second by second, by the time of the flows.
type timeline struct {
	seconds [timelineSeconds]moment // a ring
	head    int                     // where the next second goes
	n       int                     // seconds known
	at      monitor.Time            // of the last sample; 0: none
	last    kindCounts              // at the last full second

	flows uint64 // as of the last sample, within a second too
	seen  kindCounts
}

// moment is what one second had.
type moment struct {
	flows  uint64 // in the table, at its end
	events uint64
}

// kindCounts are events seen, of a recording since its beginning.
type kindCounts struct{ created, updated, destroyed, lost uint64 }

func (k kindCounts) events() uint64 { return k.created + k.updated + k.destroyed }

func (k kindCounts) minus(o kindCounts) kindCounts {
	return kindCounts{k.created - o.created, k.updated - o.updated, k.destroyed - o.destroyed, k.lost - o.lost}
}

// sample notes how things stand. It may be called at any time and counts whole
// seconds. A recording that is sought backwards begins anew.
func (t *timeline) sample(now monitor.Time, flows uint64, seen kindCounts) {
	if t.at == 0 || now < t.at {
		*t = timeline{at: now, last: seen, flows: flows, seen: seen}
		return
	}
	t.flows, t.seen = flows, seen
	if seen.events() < t.last.events() { // a recording began anew
		t.last = kindCounts{}
	}
	seconds := int((now - t.at) / 1e9)
	if seconds < 1 {
		return
	}
	events := seen.minus(t.last).events() / uint64(seconds)
	for range min(seconds, timelineSeconds) {
		t.seconds[t.head] = moment{flows, events}
		t.head = (t.head + 1) % timelineSeconds
		t.n = min(t.n+1, timelineSeconds)
	}
	t.at += monitor.Time(seconds) * 1e9
	t.last = seen
}

// spans are how many seconds a chart may show: the shortest that holds what is
// known, so that the first minute is not a few cells at the edge.
var spans = []int{60, 120, 300, timelineSeconds}

// values returns the time that is known in so many cells, each the highest of its
// seconds, and how many of them, from the right, are known.
func (t *timeline) values(cells int, of func(*moment) uint64) (values []uint64, known int) {
	span := timelineSeconds
	for i := len(spans) - 1; i >= 0 && spans[i] >= t.n; i-- {
		span = spans[i]
	}
	values = make([]uint64, cells)
	for i := range t.n {
		// Cells before now: those that the second begins in, and ends in where
		// there are more cells than seconds.
		back, end := i*cells/span, max(i*cells/span, (i+1)*cells/span-1)
		if back >= cells {
			break
		}
		v := of(&t.seconds[(t.head-1-i+2*timelineSeconds)%timelineSeconds])
		for ; back <= min(end, cells-1); back++ {
			values[cells-1-back] = max(values[cells-1-back], v)
			known = back + 1
		}
	}
	return values, known
}

// chart draws values in lines of block characters, the top line first; values
// left of those that are known are blank. What is not 0 shows.
func chart(values []uint64, known, height int) []string {
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
			case i < len(values)-known, level <= below && line < height-1:
				row[i] = ' '
			case level <= below:
				row[i] = blocks[0]
				if v == 0 {
					row[i] = '·'
				}
			default:
				row[i] = blocks[min(8, level-below)-1]
			}
		}
		out[line] = string(row)
	}
	return out
}
