package export

import (
	"time"

	"natlens/monitor"
)

// rfc3339 formats times as 2006-01-02T15:04:05.000000000Z. It keeps the text of
// the last second: the events of a batch mostly share one.
type rfc3339 struct {
	second int64
	text   [len("2006-01-02T15:04:05.")]byte
	valid  bool
}

// append appends the time in UTC with nine decimals.
func (c *rfc3339) append(b []byte, t monitor.Time) []byte {
	second, nanos := splitTime(t)
	if second != c.second || !c.valid {
		time.Unix(second, 0).UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05.")
		c.second, c.valid = second, true
	}
	b = append(b, c.text[:]...)
	return append(appendNanos(b, nanos), 'Z')
}

// splitTime returns whole seconds since the epoch, rounded down, and the rest.
func splitTime(t monitor.Time) (second int64, nanos uint32) {
	s, n := int64(t)/1e9, int64(t)%1e9
	if n < 0 {
		s, n = s-1, n+1e9
	}
	return s, uint32(n)
}

// appendNanos appends nine digits.
func appendNanos(b []byte, n uint32) []byte {
	var text [9]byte
	for i := 7; i > 0; i -= 2 {
		q := n / 100
		r := (n - q*100) * 2
		text[i], text[i+1] = digits[r], digits[r+1]
		n = q
	}
	text[0] = '0' + byte(n)
	return append(b, text[:]...)
}
