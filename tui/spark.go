package tui

import (
	"natlens/monitor"
	"natlens/tui/paint"
)

// spark is the events of the last minute, second by second.
type spark struct {
	seconds []uint64     // events of each, the newest last
	last    uint64       // events at the last full second
	at      monitor.Time // of that; 0: no sample yet
}

const sparkSeconds = 60

// sample notes how many events there have been. It may be called at any time and counts whole
// seconds. After a step back in time, of a recording or of the clock, it goes on from there.
func (s *spark) sample(now monitor.Time, events uint64) {
	if s.at == 0 || now < s.at || events < s.last {
		s.at, s.last = now, events
		return
	}
	n := int((now - s.at) / 1e9)
	if n < 1 {
		return
	}
	for range min(n, sparkSeconds) {
		s.seconds = append(s.seconds, (events-s.last)/uint64(n))
	}
	s.seconds = s.seconds[max(0, len(s.seconds)-sparkSeconds):]
	s.at += monitor.Time(n) * 1e9
	s.last = events
}

// rate is the events of the last second.
func (s *spark) rate() uint64 {
	if len(s.seconds) == 0 {
		return 0
	}
	return s.seconds[len(s.seconds)-1]
}

// text draws the last minute in so many cells, a number that divides it. Each cell is the
// busiest of its seconds; seconds that are not known yet are blank.
func (s *spark) text(cells int) string {
	values, per, n := make([]uint64, cells), sparkSeconds/cells, len(s.seconds)
	for i := range n {
		c := cells - 1 - i/per
		values[c] = max(values[c], s.seconds[n-1-i])
	}
	return paint.Spark(values, (n+per-1)/per)
}
