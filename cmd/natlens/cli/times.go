package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The accepted forms of a time, for a recording and for a running capture.
const (
	MomentHelp = "14:32, 14:32:05, 2026-11-22 14:32, RFC 3339, seconds since 1970, -2h before the end or +30s " +
		"after the beginning"
	MomentNowHelp = "14:32, 14:32:05, 2026-11-22 14:32, RFC 3339, seconds since 1970, now or -2h before now"
)

// errNoTime is the error of an invalid time. A help text follows it.
var errNoTime = errors.New("not a time such as")

// layouts are the forms of a time, with the unit that each covers. A fraction may follow the
// seconds, and a zone the whole.
var layouts = []struct {
	form string
	long time.Duration
}{
	{"2006-01-02T15:04:05", time.Second}, {"2006-01-02T15:04", time.Minute}, {"20060102T150405", time.Second},
	{time.DateTime, time.Second}, {"2006-01-02 15:04", time.Minute},
	{"02/Jan/2006:15:04:05", time.Second}, {"2006/01/02 15:04:05", time.Second}, // web servers: access log, error log
	{"Mon, 2 Jan 2006 15:04:05", time.Second}, {"2 Jan 2006 15:04:05", time.Second}, // mail
	{time.ANSIC, time.Second}, // ctime(3)
	{time.Stamp, time.Second}, // syslog: the last such time before the end
	{time.TimeOnly, time.Second}, {"15:04", time.Minute},
}

// zones are the forms of a zone after a time.
var zones = []string{"", "Z07:00", " Z07:00", " -0700"}

// epochs are the units of a time since 1970, by its number of digits.
var epochs = map[int]string{10: "s", 13: "ms", 16: "us", 19: "ns"}

// parseEpoch reads a time since 1970, with or without a fraction.
func parseEpoch(text string) (t time.Time, long time.Duration, ok bool) {
	whole, _, fraction := strings.Cut(text, ".")
	unit := epochs[len(whole)]
	since, err := time.ParseDuration(text + unit)
	if unit == "" || err != nil || strings.Trim(text, ".0123456789") != "" {
		return t, 0, false
	}
	if long, _ = time.ParseDuration("1" + unit); fraction {
		long = 1
	}
	return time.Unix(0, int64(since)), long, true
}

// ParseTime reads a time, and returns how long it is: 14:32 is a minute. A time without a zone
// is in loc. A time of day is the last one before end. A time with a sign is relative to begin
// (+) or end (-).
func ParseTime(text string, begin, end time.Time, loc *time.Location) (t time.Time, long time.Duration, err error) {
	if text == "now" {
		return end, 1, nil
	}
	if text != "" && (text[0] == '-' || text[0] == '+') {
		d, err := ParseSpan(text)
		switch {
		case err != nil:
			return t, 0, errNoTime
		case text[0] == '-':
			return end.Add(d), 1, nil
		}
		return begin.Add(d), 1, nil
	}
	if t, long, ok := parseEpoch(text); ok {
		return t.In(loc), long, nil
	}
	text = strings.TrimSuffix(strings.Trim(text, "[]"), " (UTC)")
	for _, zone := range []string{" UTC", " GMT"} {
		if stamp, ok := strings.CutSuffix(text, zone); ok {
			text, loc = stamp, time.UTC
		}
	}
	for _, l := range layouts {
		for _, zone := range zones {
			if t, err = time.ParseInLocation(l.form+zone, text, loc); err == nil {
				if strings.ContainsAny(strings.ReplaceAll(text, ", ", " "), ".,") { // a fraction
					l.long = 1
				}
				return dated(t, l.form, end.In(loc)), l.long, nil
			}
		}
	}
	return t, 0, errNoTime
}

// dated adds the date that a form lacks, so that the time is the last one before end.
func dated(t time.Time, form string, end time.Time) time.Time {
	if strings.Contains(form, "2006") {
		return t
	}
	month, day, years, days := t.Month(), t.Day(), -1, 0
	if form != time.Stamp {
		month, day, years, days = end.Month(), end.Day(), 0, -1
	}
	t = time.Date(end.Year(), month, day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), end.Location())
	if t.After(end) {
		t = t.AddDate(years, 0, days)
	}
	return t
}

// parseTimeWithin reads a time that must be between begin and end. If begin is inside the
// minute or second of the time, it returns begin.
func parseTimeWithin(text string, begin, end time.Time, loc *time.Location) (time.Time, error) {
	t, long, err := ParseTime(text, begin, end, loc)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w %s", err, MomentHelp)
	}
	if t.Before(begin) && t.Add(long).After(begin) {
		t = begin
	}
	if t.Before(begin) || t.After(end) {
		return time.Time{}, fmt.Errorf("%s is outside the recording, which goes from %s to %s",
			t.In(loc).Format(time.DateTime),
			begin.In(loc).Format(time.DateTime), end.In(loc).Format(time.DateTime))
	}
	return t, nil
}

// ParseSpan reads a duration, also in days: -7d, 1d12h.
func ParseSpan(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	n, err := strconv.Atoi(days)
	if !ok || err != nil || n < -36500 || n > 36500 {
		return time.ParseDuration(text)
	}
	span := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return span, nil
	}
	more, err := time.ParseDuration(rest)
	if n < 0 || text[0] == '-' {
		more = -more
	}
	return span + more, err
}
