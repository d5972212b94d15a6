package cli

import (
	"testing"
	"time"

	"natlens/monitor/golden"
)

// TestParseTimeWithin reads times of a recording that begins within a second: the time
// that an error names for its beginning can be typed.
func TestParseTimeWithin(t *testing.T) {
	begin := time.Date(2026, 11, 22, 5, 39, 1, 5e8, time.UTC)
	end := begin.Add(10*time.Minute + 3e8)
	for text, want := range map[string]string{
		"05:39":                "05:39:01.5", // of this minute the recording has the rest
		"05:39:01":             "05:39:01.5",
		"2026-11-22 05:39":     "05:39:01.5",
		"2026-11-22T05:39:01Z": "05:39:01.5",
		"05:40":                "05:40:00",
		"05:49:01":             "05:49:01",
		"+0s":                  "05:39:01.5",
		"-0s":                  "05:49:01.8",
	} {
		at, err := parseTimeWithin(text, begin, end, time.UTC)
		if got := at.Format("15:04:05.999"); err != nil || got != want {
			t.Errorf("%s: %v, %s, want %s", text, err, got, want)
		}
	}
	for _, text := range []string{"05:38", "05:39:00", "05:39:01.2", "-1h", "2026-11-22 05:50"} {
		_, err := parseTimeWithin(text, begin, end, time.UTC)
		golden.Words(t, text, err)
	}
}

// TestParseTime reads the times of logs and of abuse mails, and how long they are.
func TestParseTime(t *testing.T) {
	end := time.Date(2026, 11, 28, 22, 15, 0, 0, time.UTC)
	for _, c := range []struct {
		text, want string
		long       time.Duration
	}{
		{"14:32", "2026-11-28T14:32:00Z", time.Minute}, {"23:00", "2026-11-27T23:00:00Z", time.Minute}, {"14:32:05", "2026-11-28T14:32:05Z", time.Second},
		{"2026-11-22 14:32", "2026-11-22T14:32:00Z", time.Minute}, {"2026-11-22T14:32", "2026-11-22T14:32:00Z", time.Minute},
		{"2026-11-22T14:32:00+05:30", "2026-11-22T09:02:00Z", time.Second}, {"2026-11-22T14:32:00.5-08:00", "2026-11-22T22:32:00.5Z", 1},
		{"2026-11-22T14:32:00.000Z", "2026-11-22T14:32:00Z", 1}, {"-2h", "2026-11-28T20:15:00Z", 1}, {"-7d", "2026-11-21T22:15:00Z", 1}, {"now", "2026-11-28T22:15:00Z", 1},
		{"1795903923", "2026-11-28T22:12:03Z", time.Second}, {"1795903923125", "2026-11-28T22:12:03.125Z", time.Millisecond},
		{"2026-11-28 22:05 UTC", "2026-11-28T22:05:00Z", time.Minute}, {"2026-11-28 22:05:01 GMT", "2026-11-28T22:05:01Z", time.Second},
		{"2026-11-28 22:05:01 +0100", "2026-11-28T21:05:01Z", time.Second}, {"28/Nov/2026:14:32:00 +0000", "2026-11-28T14:32:00Z", time.Second},
		{"Nov 22 14:32:00", "2026-11-22T14:32:00Z", time.Second}, {"Nov  2 14:32:00", "2026-11-02T14:32:00Z", time.Second}, {"Dec 22 14:32:00", "2025-12-22T14:32:00Z", time.Second},
		{"1795903923.125", "2026-11-28T22:12:03.125Z", 1}, {"1795903923125250", "2026-11-28T22:12:03.12525Z", time.Microsecond},
		{"Sat, 28 Nov 2026 22:05:01 +0100", "2026-11-28T21:05:01Z", time.Second}, {"Sun, 1 Nov 2026 22:05:01 GMT", "2026-11-01T22:05:01Z", time.Second},
		{"Sat, 28 Nov 2026 22:05:01 +0000 (UTC)", "2026-11-28T22:05:01Z", time.Second}, {"28 Nov 2026 22:05:01 -0800", "2026-11-29T06:05:01Z", time.Second},
		{"Sat Nov 28 22:05:01 2026", "2026-11-28T22:05:01Z", time.Second}, {"[Sat Nov 28 22:05:01.123456 2026]", "2026-11-28T22:05:01.123456Z", 1},
		{"2026/11/28 22:05:01", "2026-11-28T22:05:01Z", time.Second}, {"[28/Nov/2026:14:32:00 +0200]", "2026-11-28T12:32:00Z", time.Second},
		{"28/Nov/2026:14:32:00", "2026-11-28T14:32:00Z", time.Second}, {"20261128T220501Z", "2026-11-28T22:05:01Z", time.Second},
		{"2026-11-28 22:05:01+01:00", "2026-11-28T21:05:01Z", time.Second}, {"2026-11-28 22:05:01.5+00:00", "2026-11-28T22:05:01.5Z", 1},
		{"2026-11-28 22:05:01,250", "2026-11-28T22:05:01.25Z", 1}, {"2026-11-28T22:05Z", "2026-11-28T22:05:00Z", time.Minute},
		{"2026-11-28 22:05 -0330", "2026-11-29T01:35:00Z", time.Minute},
		{"Sat 22:05", "", 0}, {"1795903923.1.2", "", 0}, {"1h2m3h4m55", "", 0}, {"2026-11-28 22:05:01 CEST", "", 0},
		{"yesterday", "", 0}, {"1d", "", 0}, {"", "", 0}, {"-", "", 0}, {"123", "", 0}, {"22:05 CEST", "", 0},
	} {
		got, long, err := ParseTime(c.text, end.AddDate(0, 0, -1), end, time.UTC)
		if text := got.UTC().Format(time.RFC3339Nano); (err == nil) != (c.want != "") || err == nil && text != c.want || long != c.long {
			t.Errorf("%q: %s, %v, %v, want %s, %v", c.text, text, long, err, c.want, c.long)
		}
	}
}
