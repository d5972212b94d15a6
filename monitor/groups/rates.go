package groups

import "natlens/monitor"

// Rates computes the rates of flows from two readings of a whole table. The zero value is ready
// to use.
type Rates struct {
	began, last monitor.Time // when this reading and the last one began; 0: there was none
	now, old    map[monitor.Tuple]counted
}

type counted struct {
	id    uint32
	at    monitor.Time
	bytes Both[uint64]
}

// Begin begins a reading.
func (r *Rates) Begin(at monitor.Time) {
	r.began, r.last = at, r.began
	r.now, r.old = make(map[monitor.Tuple]counted, len(r.now)), r.now
}

// Ready reports whether there was a reading before the current one.
func (r *Rates) Ready() bool { return r.last != 0 }

// Add sets New and the rate in the figures of a flow, as far as they are known. A flow that was
// not in the last reading is new. Its rate is that of all its bytes, unless the kernel reports
// that it began earlier.
func (r *Rates) Add(e *monitor.Event, s *Sums) {
	now := counted{e.Flow.ID, e.Time, s.Bytes}
	r.now[e.Flow.Orig] = now
	if !r.Ready() {
		return
	}
	old, known := r.old[e.Flow.Orig]
	if !known || old.id != now.id || now.bytes.Up < old.bytes.Up || now.bytes.Down < old.bytes.Down {
		if e.Known()&monitor.AttrStart != 0 && e.Flow.Start < r.last {
			return // the last reading missed it
		}
		s.New, old = 1, counted{at: r.last}
	}
	if span := float64(now.at-old.at) / 1e9; s.Counted > 0 && span > 0 {
		s.Rated = 1
		s.Rate = Both[float64]{float64(now.bytes.Up-old.bytes.Up) / span, float64(now.bytes.Down-old.bytes.Down) / span}
	}
}
