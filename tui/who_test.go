package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"natlens/monitor/golden"
	"natlens/tui/who"
)

// fakeAsker answers as the test wants, and notes what it was asked.
type fakeAsker struct {
	answer who.Answer
	err    error
	asked  []string
}

func (f *fakeAsker) Where() string { return "the history in /var/lib/natlens" }

func (f *fakeAsker) Ask(_ context.Context, question string) (who.Answer, error) {
	f.asked = append(f.asked, question)
	return f.answer, f.err
}

func someHolders(n int) who.Answer {
	a := who.Answer{
		Heads: []string{"INSIDE", "PROTO", "OUTSIDE", "SINCE (UTC)", "UNTIL", "TOWARDS", "KIND", "BYTES", ""},
		Verdict: []string{
			"2 inside hosts (192.168.77.2, 192.168.77.3), 40 translations, 1 uncertain.",
			"The history in /var/lib/natlens covers 2026-11-20 08:00:00.000 to now.",
			"Uncertain: 2,844 events were lost between 2026-11-22 14:32:08.112 and 2026-11-22 14:32:09.480.",
		},
	}
	for i := range n {
		row := who.Row{
			Cells: []string{
				fmt.Sprintf("192.168.77.%d:%d", 2+i%2, 4444+i),
				"tcp",
				fmt.Sprintf("203.0.113.1:%d", 4444+i),
				"2026-11-22 14:32:01.123",
				"2026-11-22 14:34:07.442",
				"203.0.113.9:443",
				"snat",
				"↑47.0 KiB ↓1.05 MiB",
				"",
			},
		}
		if i == 1 {
			row.Uncertain, row.Cells[8] = true, "uncertain: a gap within; in tenant\x1b[2J"
		}
		a.Rows = append(a.Rows, row)
	}
	return a
}

// TestWhoPage asks, moves, and draws the page at named sizes.
func TestWhoPage(t *testing.T) {
	asker := &fakeAsker{answer: someHolders(40)}
	st := newStage(t, func(c *Config) { c.Who = asker })
	st.commit()
	var got strings.Builder
	shot := func(what string) { fmt.Fprintf(&got, "── %s ──\n%s", what, st.screen()) }
	st.size(80, 20)
	st.press("6")
	shot("nothing asked")
	st.press("<enter>203.0.113.1 --at 14:32")
	shot("typing")
	st.press("<enter>")
	shot("answer at 80 columns")
	st.press("<down>")
	st.size(160, 24)
	shot("answer at 160 columns, the second row")
	st.size(60, 16)
	st.press("<end>")
	shot("answer at 60 columns, the last row")
	asker.err, asker.answer = errors.New("--proto tpc: not a protocol; did you mean tcp?"), who.Answer{}
	st.press("<enter> -p tpc<enter>")
	st.size(80, 16)
	shot("a question that makes no sense")
	golden.File(t, "who.txt", got.String())
	asker.err, asker.answer = nil, someHolders(40)
	st.press("<enter><enter>")
	st.goldenScreens("who", nil)
	want := []string{"203.0.113.1 --at 14:32", "203.0.113.1 --at 14:32 -p tpc", "203.0.113.1 --at 14:32 -p tpc"}
	if strings.Join(asker.asked, "|") != strings.Join(want, "|") {
		t.Errorf("asked %q, want %q", asker.asked, want)
	}
}

// TestWhoIsOfferedOnlyWithAnAsker has no sixth page without one.
func TestWhoIsOfferedOnlyWithAnAsker(t *testing.T) {
	st := newStage(t)
	st.commit()
	st.press("6")
	if strings.Contains(st.screen(), "Who") {
		t.Error(st.screen())
	}
}
