package text

import (
	"time"

	"natlens/monitor"
)

// RFC3339 writes times as 2006-01-02T15:04:05.000000000Z. It keeps the text of the last
// second, which most events of a batch share.
type RFC3339 struct {
	second int64
	text   [len("2006-01-02T15:04:05.")]byte
	valid  bool
}

// AppendTo appends the time in UTC with nine decimals.
func (c *RFC3339) AppendTo(b []byte, t monitor.Time) []byte {
	second, nanos := SplitTime(t)
	if second != c.second || !c.valid {
		time.Unix(second, 0).UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05.")
		c.second, c.valid = second, true
	}
	b = append(b, c.text[:]...)
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
