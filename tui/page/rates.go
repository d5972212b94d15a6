package page

import (
	"sync"

	"natlens/monitor"
)

// Rates are the bytes per second of flows, from two readings of their counters. Its methods may
// be called from several goroutines.
type Rates struct {
	mu   sync.RWMutex
	rows []sample // by row of the table
}

type sample struct {
	gen   uint64
	bytes uint64
	at    monitor.Time
	rate  uint64
	known bool // rate comes from two readings
}

// rateHolds is how long a rate is shown after its last reading.
const rateHolds = monitor.Time(10e9)

// Note adds a reading of a flow's bytes in both directions.
func (r *Rates) Note(row uint32, gen, bytes uint64, at monitor.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := int(row) + 1 - len(r.rows); n > 0 {
		r.rows = append(r.rows, make([]sample, n)...)
	}
	s := &r.rows[row]
	old := *s
	*s = sample{gen: gen, bytes: bytes, at: at}
	switch {
	case old.gen != gen:
	case at <= old.at && old.at-at < rateHolds || bytes < old.bytes: // a late reading
		*s = old
	case at <= old.at: // the clock was set back
	default:
		s.rate, s.known = uint64(float64(bytes-old.bytes)*1e9/float64(at-old.at)), true
	}
}

// Of returns the rate of a flow, if it is known at that time.
func (r *Rates) Of(row uint32, gen uint64, now monitor.Time) (uint64, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if int(row) >= len(r.rows) {
		return 0, false
	}
	s := &r.rows[row]
	if s.gen != gen || !s.known || now-s.at > rateHolds || s.at-now > rateHolds {
		return 0, false
	}
	return s.rate, true
}
