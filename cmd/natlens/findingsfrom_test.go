//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"natlens/cmd/natlens/cli"
)

// synLine is a line of a connection that nobody answers.
func synLine(event string, at time.Time, flow int) string {
	return fmt.Sprintf(`{"v":1,"ts":"%s","ts_source":"kernel","seq":%d,"event":"%s","id":%d,"family":"ipv4","proto":"tcp","protonum":6,"state":"syn_sent","timeout":120,`+
		`"orig":{"src":"192.168.77.2","sport":%d,"dst":"203.0.113.66","dport":81},"reply":{"src":"203.0.113.66","sport":81,"dst":"192.168.77.2","dport":%[5]d},`+
		`"nat":{"kind":"none"},"status":["confirmed"],"path":"forward","flow":%d}`+"\n",
		at.Format("2006-01-02T15:04:05.000000000Z"), flow, event, flow, 30000+flow, flow)
}

// TestWatchFindingsFrom finds findings in a recording: by its clock, once when
// they appear and once when they are gone, also within a pause of the recording,
// and what is active at its end.
func TestWatchFindingsFrom(t *testing.T) {
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
	path := writeRecording(t, lines.String())
	for _, c := range []struct{ name, args, want string }{
		{"appears and is gone", "false",
			"appeared 06:12:04.2 21 TCP connections to 203.0.113.66:81 not answered, 21 for 3s and longer;" +
				"cleared 06:12:22.2 21 TCP connections to 203.0.113.66:81 not answered, 21 for 3s and longer;" +
				"appeared 07:12:04.1 30 TCP connections to 203.0.113.66:81 not answered, 30 for 3s and longer"},
		{"cut short", "--for 10s false", "appeared 06:12:04.2 21 TCP connections to 203.0.113.66:81 not answered, 21 for 3s and longer"},
		{"another threshold", "--threshold syn-unanswered=25 false", "appeared 07:12:04.1 30 TCP connections to 203.0.113.66:81 not answered, 30 for 3s and longer"},
	} {
		got := call(t.Context(), cli.Console{}, append([]string{"watch", "--findings", "--from", path, "-o", "jsonl"}, strings.Fields(c.args)...)...)
		var found []string
		for line := range strings.Lines(got.stdout.String()) {
			var f struct{ TS, Event, Finding, Text, Filter, Command string }
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			found = append(found, f.Finding+" "+f.TS[11:21]+" "+f.Text)
			if want := "natlens watch --from " + path + " 'tcp syn_sent unreplied dst 203.0.113.66 dport 81'"; f.Event != "finding" || f.Command != want {
				t.Errorf("%s: %s", c.name, line)
			}
		}
		if text := strings.Join(found, ";"); text != c.want || got.code != 0 {
			t.Errorf("%s: code %d, %s\ngot  %s\nwant %s", c.name, got.code, got.stderr.String(), text, c.want)
		}
	}
	// Events come as without, and have numbers with those of findings.
	all := call(t.Context(), cli.Console{}, "watch", "--findings", "--from", path, "-o", "jsonl")
	seq := 0
	for line := range strings.Lines(all.stdout.String()) {
		var e struct{ Seq int }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Seq != seq+1 {
			t.Fatalf("after %d: %s", seq, line)
		}
		seq = e.Seq
	}
	if want := 21 + 21 + 31 + 3; seq != want {
		t.Errorf("%d lines, wanted %d", seq, want)
	}
}
