package page

import "natlens/monitor"

// Minute is a value in each second of the last minute, by the clock of the flows.
type Minute struct {
	at     int64 // the last second
	values [60]uint64
	known  int // values that are known, the last ones
}

// Note sets the value of the second now. The seconds since the previous one keep that value.
// After a minute without values, or if the clock was set back, the minute starts over.
func (m *Minute) Note(now monitor.Time, v uint64) {
	at, n := int64(now/1e9), len(m.values)
	passed := at - m.at
	if passed < 0 || passed >= int64(n) {
		*m = Minute{known: 1}
		passed = 0
	}
	for range passed {
		last := m.values[n-1]
		copy(m.values[:], m.values[1:])
		m.values[n-1] = last
	}
	m.at, m.known, m.values[n-1] = at, min(n, m.known+int(passed)), v
}

// Old reports whether the last value was noted more than a minute ago.
func (m *Minute) Old(now monitor.Time) bool { return int64(now/1e9)-m.at > int64(len(m.values)) }

// Peak returns the highest value.
func (m *Minute) Peak() (peak uint64) {
	for _, v := range m.values[len(m.values)-m.known:] {
		peak = max(peak, v)
	}
	return peak
}

// In returns the minute in the given number of cells, each with the highest of its seconds, and
// how many cells, from the right, are known.
func (m *Minute) In(cells int) (values []uint64, known int) {
	n := len(m.values)
	values = make([]uint64, cells)
	for i := range cells {
		for at := i * n / cells; at < max(i*n/cells+1, (i+1)*n/cells); at++ {
			values[i] = max(values[i], m.values[at])
		}
	}
	return values, (m.known*cells + n - 1) / n
}
