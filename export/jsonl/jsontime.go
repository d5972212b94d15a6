package jsonl

import (
	"math"
	"time"

	"natlens/monitor"
)

// time returns a time as JSON lines have it; other forms of RFC 3339 do too.
func (c *cursor) time() monitor.Time {
	text := c.text()
	if c.err != nil {
		return 0
	}
	t, ok := parseTime(text)
	if !ok {
		c.fail(errTime)
	}
	return t
}

func parseTime(text []byte) (monitor.Time, bool) {
	const form = "2006-01-02T15:04:05.000000000Z"
	if len(text) == len(form) && text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':' &&
		text[16] == ':' && text[19] == '.' && text[29] == 'Z' {
		year, month, day := digits(text[0:4]), digits(text[5:7]), digits(text[8:10])
		hour, minute, second, nanos := digits(text[11:13]), digits(text[14:16]), digits(text[17:19]), digits(text[20:29])
		// Outside these years nanoseconds may not fit: the slow way looks closer.
		if within(year, 1700, 2200) && within(month, 1, 12) && within(day, 1, monthDays(year, month)) &&
			within(hour, 0, 23) && within(minute, 0, 59) && within(second, 0, 59) && nanos >= 0 {
			s := (days(year, month, day)*24+hour)*60 + minute
			return monitor.Time((s*60+second)*1e9 + nanos), true
		}
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return 0, false
	}
	// Nanoseconds since 1970 fit for the years 1678 to 2261; outside they run over.
	n := t.UnixNano()
	return monitor.Time(n), time.Unix(0, n).Equal(t)
}

func within(n, low, high int64) bool { return n >= low && n <= high }

func monthDays(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// digits returns the number that the text is; a negative one if it is none.
func digits(text []byte) (n int64) {
	for _, ch := range text {
		if ch-'0' > 9 {
			return math.MinInt64
		}
		n = n*10 + int64(ch-'0')
	}
	return n
}

// days counts the days from 1970-01-01 to a date of the Gregorian calendar. Years
// begin in March here, so that the leap day is their last; month lengths then
// repeat every five months, and the calendar every 400 years of 146097 days.
func days(year, month, day int64) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468
}
