package who

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/translation"
	"natlens/monitor/translation/translationtest"
	"natlens/tui/who"
)

// inUTC makes local time UTC for a test.
func inUTC(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
}

// TestWhoInTheUI asks as the UI does.
func TestWhoInTheUI(t *testing.T) {
	inUTC(t)
	u := NewAsker(cli.Console{Getenv: os.Getenv}, Scope{Recordings: []string{"testdata/holders.jsonl"}})
	got, err := u.Ask(t.Context(), "203.0.113.1:40000 -p tcp --at 06:12:45")
	want := who.Answer{
		Heads: []string{"INSIDE", "PROTO", "OUTSIDE", "SINCE (UTC)", "UNTIL", "TOWARDS", "KIND", ""},
		Rows: []who.Row{{Uncertain: true, Cells: []string{"192.168.77.3:5555", "tcp", "203.0.113.1:40000", "2026-11-22 06:12:30.000", "2026-11-22 06:12:50.000",
			"203.0.113.9:443", "snat", got.Rows[0].Cells[7]}}},
		Verdict: got.Verdict,
	}
	golden.Words(t, "verdict", strings.Join(got.Verdict, "\n"))
	golden.Words(t, "doubt", got.Rows[0].Cells[7])
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, question := range []string{
		"203.0.113", "203.0.113.1 203.0.113.2", "203.0.113.1 -o jsonl", "203.0.113.1 --from -", "203.0.113.1 --att 14:32",
		"203.0.113.1 --at half-past-2",
	} {
		_, err := u.Ask(t.Context(), question)
		golden.Words(t, question, err)
	}
	t.Run("table", func(t *testing.T) {
		place, err := (&options{}).openTable()
		if err != nil {
			t.Skip("there is no table on this platform: ", err)
		}
		golden.Words(t, "--at yesterday", (&times{at: "yesterday"}).read(place, new(translation.Query)))
	})
}

// TestSpansInDays reads times in days.
func TestSpansInDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"-7d": -7 * 24 * time.Hour, "-1d12h": -36 * time.Hour, "+2d": 48 * time.Hour, "-90m": -90 * time.Minute, "90d": 90 * 24 * time.Hour,
	} {
		if got, err := cli.ParseSpan(text); got != want || err != nil {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"d", "1dd", "-xd", "1d-", "99999999d", ""} {
		if got, err := cli.ParseSpan(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestNarrowTerminal prints an answer in 60 columns.
func TestNarrowTerminal(t *testing.T) {
	var out strings.Builder
	p := &text{answers: answers{loc: time.UTC}, w: &out, width: 60, place: "the history in DIR"}
	second := func(n int) monitor.Time {
		return monitor.Time(time.Date(2026, 11, 22, 6, 12, n, 0, time.UTC).UnixNano())
	}
	var a translation.Answer
	a.Proto, a.NAT, a.Start, a.End, a.Reason, a.Namespace = monitor.TCP, translation.SNAT, second(1), second(9), translation.Replaced, "tenant\x1b[2J"
	end := translationtest.Endpoint
	a.From, a.SentAs, a.To = end("192.168.77.2:4444"), end("203.0.113.1:40000"), end("203.0.113.9:443")
	a.Counted, a.Original.Bytes, a.Reply.Bytes = true, 48100, 1100000
	a.Doubt = translation.EndedInGap | translation.TouchedByGap
	if err := p.add(&a); err != nil {
		t.Fatal(err)
	}
	res := translation.Result{Answers: 1, Began: second(0), Ended: second(30)}
	res.Gaps = []translation.Gap{
		{From: second(8), To: second(9), Count: 2844, AtLeast: true, Cause: translation.Lost},
		{From: second(9), To: second(12), Cause: translation.Restarted},
	}
	v := translation.Decide(translation.Query{}, res)
	if err := p.end(&v, ""); err != nil {
		t.Fatal(err)
	}
	golden.Words(t, "", out.String())
}

// TestAnswers runs the command lines of testdata/who.txt and compares what they
// print, and their exit codes.
func TestAnswers(t *testing.T) {
	inUTC(t)
	text, err := os.ReadFile("testdata/who.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for line := range strings.Lines(string(text)) {
		if args, ok := strings.CutPrefix(line, "$ natlens who "); ok {
			c := clitest.Run(t.Context(), New, "", strings.Fields(args)...)
			fmt.Fprintf(&got, "%s%s", line, c.Stdout)
			if _, usage := errors.AsType[cli.UsageError](c.Err); usage {
				fmt.Fprintf(&got, "error: %v\n", c.Err)
			}
			fmt.Fprintf(&got, "exit code %d\n\n", c.Code())
		}
	}
	golden.File(t, "who.txt", got.String())
}
