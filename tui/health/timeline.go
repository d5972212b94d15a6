package health

import (
	"slices"
	"time"

	"natlens/monitor"
	"natlens/tui/page"
	"natlens/tui/paint"
	"natlens/tui/tail"
)

// timelineSeconds is the length of the charts: ten minutes.
const timelineSeconds = 600

// Timeline is the last ten minutes in seconds, by the clock of the flows.
type Timeline struct {
	seconds []second     // the newest last
	at      monitor.Time // of the last full second; 0: no sample yet
	last    sums         // counts at that time

	flows uint64 // at the last sample, even within a second
	seen  tail.Counts
}

// sums are counts since the beginning, or in a second.
type sums struct{ events, created, drops uint64 }

// second has the counts of one second.
type second struct {
	flows uint64 // in the table, at its end
	sums
}

// Sample adds the flows of the table, and the drops and events so far. It may be called at any time and
// counts whole seconds. If a recording is moved back, the timeline starts over.
func (t *Timeline) Sample(now monitor.Time, flows, drops uint64, seen tail.Counts) {
	all := sums{seen.Events(), seen.Created, drops}
	if t.at == 0 || now < t.at {
		*t = Timeline{at: now, last: all, flows: flows, seen: seen}
		return
	}
	t.flows, t.seen = flows, seen
	if all.events < t.last.events { // a recording started over
		t.at, t.last = now, all
	}
	n := int((now - t.at) / 1e9)
	if n < 1 {
		return
	}
	grown := func(of, last uint64) uint64 { return (of - min(of, last)) / uint64(n) }
	each := sums{grown(all.events, t.last.events), grown(all.created, t.last.created), grown(all.drops, t.last.drops)}
	seconds := t.seconds
	for range min(n, timelineSeconds) {
		seconds = append(seconds, second{flows, each})
	}
	t.seconds = seconds[max(0, len(seconds)-timelineSeconds):]
	t.at += monitor.Time(n) * 1e9
	t.last = all
}

// Rate is the events of the last second.
func (t *Timeline) Rate() uint64 { return t.now().events }

// now is the last second.
func (t *Timeline) now() (s second) {
	if n := len(t.seconds); n > 0 {
		s = t.seconds[n-1]
	}
	return s
}

// Spark draws the events of the last minute in the given number of cells. Each cell is the highest
// of its seconds; unknown seconds are blank.
func (t *Timeline) Spark(cells int) string {
	return paint.Spark(page.Highest(t.each(func(s second) uint64 { return s.events }), 60, cells))
}

func (t *Timeline) each(of func(second) uint64) (all []uint64) {
	for _, s := range t.seconds {
		all = append(all, of(s))
	}
	return all
}

// values returns the known time in the given number of cells, and how many cells, from the right,
// are known. The shortest span that contains all is used, so that the first minute is not only a
// few cells.
func (t *Timeline) values(cells int, of func(second) uint64) (values []uint64, known int) {
	spans := []int{60, 120, 300, timelineSeconds}
	at, _ := slices.BinarySearch(spans, len(t.seconds))
	return page.Highest(t.each(of), spans[at], cells)
}

// Moved stores the kernel's counters of the last ten minutes.
type Moved struct {
	kept []reading // oldest first
}

type reading struct {
	at     monitor.Time
	totals map[string]uint64
}

// countersEvery is the time between two stored readings.
const countersEvery = monitor.Time(10e9)

// Note adds a reading.
func (m *Moved) Note(at monitor.Time, counters []Counter) {
	if n := len(m.kept); n > 0 && at >= m.kept[n-1].at && at < m.kept[n-1].at+countersEvery {
		return
	}
	totals := make(map[string]uint64, len(counters))
	for _, c := range counters {
		totals[c.Name] = c.Total
	}
	m.kept = append(m.kept, reading{at, totals})
	for len(m.kept) > 1 && m.kept[0].at < at-timelineSeconds*1e9 {
		m.kept = m.kept[1:]
	}
}

// of returns by how much a counter grew, and in what time.
func (m *Moved) of(c *Counter, now monitor.Time) (moved uint64, in time.Duration) {
	if len(m.kept) == 0 {
		return 0, 0
	}
	old := m.kept[0]
	return c.Total - min(c.Total, old.totals[c.Name]), page.Since(old.at, now)
}
