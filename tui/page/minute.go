package page

import (
	"slices"

	"natlens/monitor"
)

// Minute is a value in each second of the last minute, by the clock of the flows.
type Minute struct {
	at     int64    // the last second
	values []uint64 // the known ones, the last of them at that second
}

// Note sets the value of the second now. The seconds since the previous one keep that value.
// After a minute without values, or if the clock was set back, the minute starts over.
func (m *Minute) Note(now monitor.Time, v uint64) {
	at := int64(now / 1e9)
	passed := at - m.at
	if passed < 0 || passed >= 60 || len(m.values) == 0 {
		m.values, passed = []uint64{v}, 0
	}
	for range passed {
		m.values = append(m.values, m.values[len(m.values)-1])
	}
	m.values[len(m.values)-1] = v
	m.at, m.values = at, m.values[max(0, len(m.values)-60):]
}

// Old reports whether the last value was noted more than a minute ago.
func (m *Minute) Old(now monitor.Time) bool { return int64(now/1e9)-m.at > 60 }

// Peak returns the highest value.
func (m *Minute) Peak() uint64 { return slices.Max(append([]uint64{0}, m.values...)) }

// In returns the minute in the given number of cells, as Highest does.
func (m *Minute) In(cells int) (values []uint64, known int) { return Highest(m.values, 60, cells) }

// Highest returns the last span seconds in the given number of cells, each with the highest of its
// seconds, and how many cells, from the right, are known. seconds are the known ones.
func Highest(seconds []uint64, span, cells int) (values []uint64, known int) {
	values = make([]uint64, cells)
	for i := range cells {
		from := len(seconds) - span + i*span/cells
		to := max(from+1, len(seconds)-span+(i+1)*span/cells)
		for at := max(0, from); at < to; at++ {
			values[i] = max(values[i], seconds[at])
		}
	}
	return values, min(cells, (len(seconds)*cells+span-1)/span)
}
