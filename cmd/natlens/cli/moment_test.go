package cli

import (
	"testing"
	"time"
)

// TestParseMoment reads moments of a recording that begins within a second: the time
// that an error tells of its beginning can be typed.
func TestParseMoment(t *testing.T) {
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
		"05:38":                "2026-11-22 05:38:00 lies outside: it goes from 2026-11-22 05:39:01 to 2026-11-22 05:49:01",
		"05:39:00":             "2026-11-22 05:39:00 lies outside: it goes from 2026-11-22 05:39:01 to 2026-11-22 05:49:01",
		"05:39:01.2":           "2026-11-22 05:39:01 lies outside: it goes from 2026-11-22 05:39:01 to 2026-11-22 05:49:01",
		"-1h":                  "2026-11-22 04:49:01 lies outside: it goes from 2026-11-22 05:39:01 to 2026-11-22 05:49:01",
		"2026-11-22 05:50":     "2026-11-22 05:50:00 lies outside: it goes from 2026-11-22 05:39:01 to 2026-11-22 05:49:01",
	} {
		at, err := parseMoment(text, begin, end, time.UTC)
		got := at.Format("15:04:05.999")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
