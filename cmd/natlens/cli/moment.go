package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// How a moment is written, in a recording and in what goes on to now.
const (
	MomentHelp    = "14:32, 14:32:05, 2026-11-22 14:32, RFC 3339, -2h before the end or +30s after the beginning"
	MomentNowHelp = "14:32, 14:32:05, 2026-11-22 14:32, RFC 3339 or -2h before now"
)

// errNoMoment says that a text is none.
var errNoMoment = errors.New("not a moment such as")

// parseMoment reads a moment between two others, the beginning and the end of what
// it is looked for in. Times without a zone are loc's. A time of day means the last
// one in between. A moment is as long as it is written: of one in which begin lies,
// begin is what there is.
func parseMoment(text string, begin, end time.Time, loc *time.Location) (time.Time, error) {
	t, err := ReadMoment(text, begin, end, loc)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w %s", err, MomentHelp)
	}
	if t.Before(begin) && t.Add(MomentLength(text, t)).After(begin) {
		t = begin
	}
	if t.Before(begin) || t.After(end) {
		return time.Time{}, fmt.Errorf("%s lies outside: it goes from %s to %s", t.In(loc).Format(time.DateTime),
			begin.In(loc).Format(time.DateTime), end.In(loc).Format(time.DateTime))
	}
	return t, nil
}

// ParseSpan reads a time that may be given in days: -7d, 1d12h.
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

// ReadMoment reads a moment wherever it lies. The error is [errNoMoment].
func ReadMoment(text string, begin, end time.Time, loc *time.Location) (time.Time, error) {
	if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
		d, err := ParseSpan(text)
		switch {
		case err != nil:
		case d < 0 || text[0] == '-':
			return end.Add(d), nil
		default:
			return begin.Add(d), nil
		}
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(form, text, loc); err == nil {
			return t, nil
		}
	}
	for _, form := range []string{"15:04", time.TimeOnly} {
		clock, err := time.ParseInLocation(form, text, loc)
		if err != nil {
			continue
		}
		last := end.In(loc)
		t := time.Date(last.Year(), last.Month(), last.Day(), clock.Hour(), clock.Minute(), clock.Second(), clock.Nanosecond(), loc)
		if t.After(end) {
			t = t.AddDate(0, 0, -1)
		}
		return t, nil
	}
	return time.Time{}, errNoMoment
}

// MomentLength is how long a moment is that was written so: a minute, a second,
// or one nanosecond.
func MomentLength(text string, t time.Time) time.Duration {
	relative := strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+")
	switch {
	case relative || strings.Contains(text, ".") || t.Nanosecond() != 0:
		return 1
	case clockColons(text) < 2:
		return time.Minute
	}
	return time.Second
}

// clockColons counts the colons of the time of day in a moment: one if it has no
// seconds.
func clockColons(text string) int {
	if i := strings.IndexAny(text, "T "); i >= 0 {
		text = text[i+1:]
	}
	if i := strings.IndexAny(text, "Z+-"); i >= 0 {
		text = text[:i] // the zone
	}
	return strings.Count(text, ":")
}
