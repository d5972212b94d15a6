package table

import "natlens/monitor"

const counters = monitor.AttrCountersOrig | monitor.AttrCountersReply

// lateReading is how much older a reading may be than the previous one. If it is older still,
// the clock was set back.
const lateReading = monitor.Time(10e9)

// rate updates the rates of the chunk's i-th row from the counters of an event, before merge
// copies them. It returns the attributes to copy: without counters that are older than the
// row's.
func (t *Table) rate(c *chunk, i uint32, e *monitor.Event, take monitor.Attrs) monitor.Attrs {
	if !t.cfg.Rates || take&counters == 0 {
		return take
	}
	p, old := &c.rows[i], meteredRow{}
	if p.known&counters != 0 {
		old = c.metered[i]
	} else if p.state&RowNew != 0 {
		c.startRate(i, p.first) // with counters of 0
	} else {
		c.startRate(i, e.Time)
		return take
	}
	r, f := &c.rated[i], &e.Flow
	span := e.Time - r.read
	if span <= 0 && span > -lateReading {
		return take &^ counters
	}
	if span <= 0 || f.CountersOrig.Bytes < old.orig.Bytes || f.CountersReply.Bytes < old.reply.Bytes {
		r.read, r.since = e.Time, e.Time // the clock was set back, or the counters were reset
		return take
	}
	now := [2]float32{float32(f.CountersOrig.Bytes - old.orig.Bytes), float32(f.CountersReply.Bytes - old.reply.Bytes)}
	seconds := float32(span) / 1e9
	for w := range r.rates {
		// Until the window is full, the smoothed rate is the mean since the first reading.
		weight := float32(1)
		if full := min(monitor.Time(Window(w).Span()), e.Time-r.since); span < full {
			weight = float32(span) / float32(full)
		}
		s := &r.rates[w]
		s.Up += (now[0]/seconds - s.Up) * weight
		s.Down += (now[1]/seconds - s.Down) * weight
	}
	r.read = e.Time
	p.state |= RowRated
	return take
}

// startRate notes the first reading of the chunk's i-th row.
func (c *chunk) startRate(i uint32, at monitor.Time) {
	if c.rated == nil {
		c.rated = new([chunkRows]ratedRow)
	}
	c.rated[i] = ratedRow{read: at, since: at}
}

// ClearRate forgets the rate of a row, until its counters are read again.
func (t *Table) ClearRate(row uint32, gen uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.has(row, gen) {
		c, i := t.rows.chunkOf(row)
		c.rows[i].state &^= RowRated
	}
}

// rateOf returns the rate of the chunk's i-th row, which is p; 0 if it is unknown.
func (c *chunk) rateOf(p *packedRow, i uint32, w Window) Rate {
	if p.state&(RowRated|RowEnded) != RowRated {
		return Rate{}
	}
	return c.rated[i].rates[w]
}
