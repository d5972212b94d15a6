package text

import (
	"time"

	"natlens/monitor"
)

// Second writes times in one layout. It caches the text of the last second, which most events
// of a batch share. The zero Second is ready to use.
type Second struct {
	second int64
	text   []byte
}

// AppendTo appends the second in a layout of package time, and returns the nanoseconds. A
// nil location is the local one.
func (c *Second) AppendTo(b []byte, t monitor.Time, location *time.Location, layout string) (_ []byte, nanos uint32) {
	second, nanos := SplitTime(t)
	if second != c.second || c.text == nil {
		if location == nil {
			location = time.Local
		}
		c.second, c.text = second, time.Unix(second, 0).In(location).AppendFormat(c.text[:0], layout)
	}
	return append(b, c.text...), nanos
}

// RFC3339 writes times as 2006-01-02T15:04:05.000000000Z.
type RFC3339 struct{ Second }

// AppendTo appends the time in UTC with nine decimals.
func (c *RFC3339) AppendTo(b []byte, t monitor.Time) []byte {
	b, nanos := c.Second.AppendTo(b, t, time.UTC, "2006-01-02T15:04:05.")
	return append(AppendNanos(b, nanos), 'Z')
}

// SplitTime returns whole seconds since the epoch, rounded down, and the rest.
func SplitTime(t monitor.Time) (second int64, nanos uint32) {
	s, n := int64(t)/1e9, int64(t)%1e9
	if n < 0 {
		s, n = s-1, n+1e9
	}
	return s, uint32(n)
}
