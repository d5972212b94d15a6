//go:build linux

package watch

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/cmd/natlens/cli/clitest"
)

// recording writes a recording of JSON lines.
func recording(t *testing.T, lines string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "rec.jsonl")
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func from(t *testing.T, path, args string) *clitest.Result {
	t.Helper()
	return clitest.Run(t.Context(), New, "", append([]string{"--from", path}, strings.Fields(args)...)...)
}

// A recording of every kind of event, plain and packed, is read as it was written, and written in another
// format as that format's own golden file.
func TestFromIsTheSame(t *testing.T) {
	golden := func(name string) string {
		text, err := os.ReadFile(filepath.Join("../../../export/testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	lines := golden("events.jsonl")
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write([]byte(lines))
	w.Close()
	for _, path := range []string{recording(t, lines), recording(t, z.String())} {
		for format, want := range map[string]string{"jsonl": lines, "csv": golden("events.csv")} {
			got := from(t, path, "-o "+format)
			if diff := cmp.Diff(want, got.Stdout); got.Err != nil || diff != "" {
				t.Errorf("%s: %v\n%s", format, got.Err, diff)
			}
		}
	}
}

func TestFromFilters(t *testing.T) {
	path, begin := recording(t, lifeLines), time.Date(2026, 11, 22, 6, 12, 1, 0, time.UTC).Local()
	local := func(seconds int, layout string) string {
		return begin.Add(time.Duration(seconds) * time.Second).Format(layout)
	}
	for args, want := range map[string]string{
		"": "[1 2 3 4]",
		"--since " + local(0, "15:04") + " --until " + local(60, "15:04"):      "[1 2 3 4]",
		"--since " + local(1, "15:04:05") + " --until " + local(4, "15:04:05"): "[2 3]",
		"--since 2026-11-22T06:12:02Z":                                         "[2 3 4]",
		"--since +1s --until -1s":                                              "[2 3]",
		"--since +1s --until +3.999s":                                          "[2]",
		"--since +1s --until +4s nat":                                          "[2]",
		"--until 2026-11-22T06:12:05Z":                                         "[1 2 3]",
		"--until now":                                                          "[1 2 3 4]",
		"--since +1s --for 1s":                                                 "[2]",
		"--since +1s --for 3s":                                                 "[2 3]",
		"--since +4s --limit 1":                                                "[3]",
		"nat":                                                                  "[1 2 4]",
		"-e new":                                                               "[1 3]",
		"-e new,destroy snat":                                                  "[1 4]",
		"--limit 2":                                                            "[1 2]",
		"--for 4s":                                                             "[1 2 3]",
		"-p udp --dport 53":                                                    "[3]",
		"--raw -e destroy tcp":                                                 "[4]",
	} {
		got := from(t, path, args)
		seq := []any{}
		for _, line := range clitest.Lines(t, got.Stdout) {
			seq = append(seq, line["seq"])
		}
		if got.Err != nil || fmt.Sprint(seq) != want {
			t.Errorf("%s: %v, events %v, want %s; %s", args, got.Err, seq, want, got.Stderr)
		}
	}
	got := from(t, path, "--summary -o conntrack -p udp")
	const want = "    [NEW] udp      17 30 src=192.168.77.2 dst=203.0.113.9 sport=5353 dport=53 [UNREPLIED] src=203.0.113.9 dst=192.168.77.2 sport=53 dport=5353\n"
	if got.Stdout != want || got.Stderr != "natlens: 1 flow events have been shown.\n" {
		t.Errorf("%q %q", got.Stdout, got.Stderr)
	}
}

// What cannot be read is shown in its place and reported. Neither the summary nor --limit counts it.
func TestFromUnreadable(t *testing.T) {
	middle := recording(t, lifeLines[:400]+"\n"+lifeLines)
	const first = "natlens: 1 could not be read, the first: rec.jsonl: line 1 at byte 0: ends in the middle\n"
	for _, c := range []struct{ path, args, events, notes string }{
		{middle, "", "lost new update new destroy", "natlens: 4 events, 4 shown, 1 lost\n" + first},
		{middle, "--quiet", "lost new update new destroy", first},
		{middle, "--limit 2", "lost new update", "natlens: 4 events, 2 shown, 1 lost\n" + first},
		{recording(t, lifeLines[:len(lifeLines)-100]), "", "new update new", "natlens: 3 events, 3 shown, 0 lost\n" +
			"natlens: the recording was cut off: rec.jsonl: line 4 at byte 1313: ends in the middle\n"},
	} {
		got := from(t, c.path, c.args)
		if kinds := eventsOf(clitest.Lines(t, got.Stdout)); got.Err != nil || kinds != c.events || got.Stderr != c.notes {
			t.Errorf("%s: %v, %s\n%swant %s\n%s", c.args, got.Err, kinds, got.Stderr, c.events, c.notes)
		}
	}
}

// synLine is an event of a connection that nobody answers.
func synLine(event string, at time.Time, flow int) string {
	return fmt.Sprintf(`{"v":1,"ts":"%s","ts_source":"kernel","seq":%d,"event":"%s","id":%d,"family":"ipv4","proto":"tcp","protonum":6,`+
		`"state":"syn_sent","timeout":120,"orig":{"src":"192.168.77.2","sport":%d,"dst":"203.0.113.66","dport":81},`+
		`"reply":{"src":"203.0.113.66","sport":81,"dst":"192.168.77.2","dport":%[5]d},`+
		`"nat":{"kind":"none"},"status":["confirmed"],"path":"forward","flow":%d}`+"\n",
		at.Format("2006-01-02T15:04:05.000000000Z"), flow, event, flow, 30000+flow, flow)
}

// Findings of a recording follow its clock: each appears once and is cleared once, also within a pause of
// the recording and at its end.
func TestFindingsFrom(t *testing.T) {
	begin := time.Date(2026, 11, 22, 6, 12, 1, 0, time.UTC)
	var lines strings.Builder
	for i := range 21 {
		lines.WriteString(synLine("new", begin.Add(time.Duration(i)*time.Millisecond), i+1))
	}
	for i := range 21 {
		lines.WriteString(synLine("destroy", begin.Add(20*time.Second), i+1))
	}
	for i := range 30 { // after a pause; the recording ends when they are 4 s old
		lines.WriteString(synLine("new", begin.Add(time.Hour), 100+i))
	}
	lines.WriteString(synLine("new", begin.Add(time.Hour+4*time.Second), 200))
	path := recording(t, lines.String())
	const early = "06:12:04.2 21 TCP connections to 203.0.113.66:81 not answered, 21 for 3s and longer"
	const late = "appeared 07:12:04.1 30 TCP connections to 203.0.113.66:81 not answered, 30 for 3s and longer"
	for args, want := range map[string]string{
		"false":                               "appeared " + early + ";cleared " + strings.Replace(early, "06:12:04.2", "06:12:22.2", 1) + ";" + late,
		"--for 10s false":                     "appeared " + early,
		"--threshold syn-unanswered=25 false": late,
	} {
		got := from(t, path, "--findings "+args)
		var found []string
		for line := range strings.Lines(got.Stdout) {
			var f struct{ TS, Event, Finding, Text, Filter, Command string }
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			found = append(found, f.Finding+" "+f.TS[11:21]+" "+f.Text)
			if want := "natlens watch --from " + path + " 'tcp syn_sent unreplied dst 203.0.113.66 dport 81'"; f.Event != "finding" || f.Command != want {
				t.Errorf("%s: %s", args, line)
			}
		}
		if text := strings.Join(found, ";"); text != want || got.Err != nil {
			t.Errorf("%s: %v\ngot  %s\nwant %s", args, got.Err, text, want)
		}
	}
	// Events come as without findings, and share their numbers.
	all := clitest.Lines(t, from(t, path, "--findings").Stdout)
	for i, line := range all {
		if line["seq"] != float64(i+1) {
			t.Fatalf("line %d: %v", i+1, line)
		}
	}
	if want := 21 + 21 + 31 + 3; len(all) != want {
		t.Errorf("%d lines, want %d", len(all), want)
	}
}
