package health

import (
	"time"

	"natlens/monitor"
	"natlens/tui/page"
)

// Moved remembers the kernel's counters of the last ten minutes.
type Moved struct {
	kept []reading // oldest first
}

type reading struct {
	at     monitor.Time
	totals map[string]uint64
}

// countersEvery is how far apart the readings are that are kept.
const countersEvery = monitor.Time(10e9)

// Note takes a reading.
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

// of returns by how much a counter has moved, and in what time.
func (m *Moved) of(c *Counter, now monitor.Time) (moved uint64, in time.Duration) {
	if len(m.kept) == 0 {
		return 0, 0
	}
	old := m.kept[0]
	return c.Total - min(c.Total, old.totals[c.Name]), page.Since(old.at, now)
}
