package tui

import (
	"sync"

	"natlens/monitor"
)

// rates remembers the counters of flows at their last reading and works out the
// bytes per second between two. It stands beside the table, by row.
type rates struct {
	mu     sync.RWMutex
	chunks map[uint32]*[rateChunk]sample
}

type sample struct {
	gen   uint64
	bytes uint64
	at    monitor.Time
	rate  uint64
	known bool // rate is of two readings
}

const rateChunk = 1024

// rateHolds is how long a rate is shown after its last reading.
const rateHolds = monitor.Time(10e9)

func newRates() *rates { return &rates{chunks: make(map[uint32]*[rateChunk]sample)} }

// note takes a reading of a flow's bytes in both directions.
func (r *rates) note(row uint32, gen, bytes uint64, at monitor.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.chunks[row/rateChunk]
	if c == nil {
		c = new([rateChunk]sample)
		r.chunks[row/rateChunk] = c
	}
	s := &c[row%rateChunk]
	old := *s
	*s = sample{gen: gen, bytes: bytes, at: at}
	switch {
	case old.gen != gen:
	case at <= old.at && old.at-at < rateHolds || bytes < old.bytes: // a reading that was overtaken
		*s = old
	case at <= old.at: // the clock was put back
	default:
		s.rate, s.known = uint64(float64(bytes-old.bytes)*1e9/float64(at-old.at)), true
	}
}

// of returns the rate of a flow, if it is known at that time.
func (r *rates) of(row uint32, gen uint64, now monitor.Time) (uint64, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	c := r.chunks[row/rateChunk]
	if c == nil {
		return 0, false
	}
	s := &c[row%rateChunk]
	if s.gen != gen || !s.known || now-s.at > rateHolds || s.at-now > rateHolds {
		return 0, false
	}
	return s.rate, true
}
