//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
)

// recordedLines are the lines of the sink's own golden file: every kind of event,
// every attribute.
func recordedLines(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../../export/testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// lifeLines are a flow through SNAT that lives from second 1 to 9, and a second
// one that stays.
const lifeLines = `{"v":1,"ts":"2026-11-22T06:12:01.000000000Z","ts_source":"kernel","seq":1,"event":"new","id":7,"family":"ipv4","proto":"tcp","protonum":6,"state":"syn_sent","timeout":120,"orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"nat":{"kind":"snat","src":"203.0.113.1","sport":39502},"status":["confirmed","src_nat","src_nat_done"],"path":"forward","flow":1}
{"v":1,"ts":"2026-11-22T06:12:02.000000000Z","ts_source":"kernel","seq":2,"event":"update","id":7,"family":"ipv4","proto":"tcp","protonum":6,"state":"established","timeout":432000,"orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"nat":{"kind":"snat","src":"203.0.113.1","sport":39502},"status":["seen_reply","assured","confirmed","src_nat","src_nat_done"],"path":"forward","flow":1}
{"v":1,"ts":"2026-11-22T06:12:05.000000000Z","ts_source":"kernel","seq":3,"event":"new","id":8,"family":"ipv4","proto":"udp","protonum":17,"timeout":30,"orig":{"src":"192.168.77.2","sport":5353,"dst":"203.0.113.9","dport":53},"reply":{"src":"203.0.113.9","sport":53,"dst":"192.168.77.2","dport":5353},"nat":{"kind":"none"},"status":["confirmed"],"path":"forward","flow":2}
{"v":1,"ts":"2026-11-22T06:12:09.000000000Z","ts_source":"kernel","seq":4,"event":"destroy","id":7,"family":"ipv4","proto":"tcp","protonum":6,"state":"close","orig":{"src":"192.168.77.2","sport":39502,"dst":"203.0.113.9","dport":443},"reply":{"src":"203.0.113.9","sport":443,"dst":"203.0.113.1","dport":39502},"nat":{"kind":"snat","src":"203.0.113.1","sport":39502},"status":["seen_reply","assured","confirmed","src_nat","src_nat_done","dying"],"path":"forward","flow":1,"born":"2026-11-22T06:12:01.000000000Z"}
`

func writeRecording(t *testing.T, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rec.jsonl")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWatchFromIsTheSame reads recordings and wants their lines back, plain and
// packed; in the other formats it wants what the sinks' golden files hold.
func TestWatchFromIsTheSame(t *testing.T) {
	lines := recordedLines(t)
	path := writeRecording(t, string(lines))
	packed := path + ".gz"
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(lines)
	w.Close()
	if err := os.WriteFile(packed, z.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, packed} {
		c := call(t.Context(), cli.Console{}, "watch", "--from", p)
		if c.code != 0 || c.stdout.String() != string(lines) {
			t.Errorf("%s: code %d, %s", p, c.code, firstDifference(c.stdout.String(), string(lines)))
		}
	}
	want, err := os.ReadFile("../../export/testdata/events.csv")
	if err != nil {
		t.Fatal(err)
	}
	if c := call(t.Context(), cli.Console{}, "watch", "--from", path, "-o", "csv"); c.stdout.String() != string(want) {
		t.Errorf("csv: %s", firstDifference(c.stdout.String(), string(want)))
	}
}

func TestWatchFromFilters(t *testing.T) {
	path := writeRecording(t, lifeLines)
	for _, tt := range []struct{ args, want string }{
		{"", "1 2 3 4"},
		{"nat", "1 2 4"},
		{"-e new", "1 3"},
		{"-e new,destroy snat", "1 4"},
		{"--limit 2", "1 2"},
		{"--for 4s", "1 2 3"},
		{"-p udp --dport 53", "3"},
	} {
		c := call(t.Context(), cli.Console{}, append([]string{"watch", "--from", path}, strings.Fields(tt.args)...)...)
		var got []string
		for _, m := range decodeLines(t, c.stdout.String()) {
			got = append(got, strings.TrimSuffix(string(rune('0'+int(m["seq"].(float64)))), ""))
		}
		if c.code != 0 || strings.Join(got, " ") != tt.want {
			t.Errorf("%s: code %d, events %v, want %s; %s", tt.args, c.code, got, tt.want, c.stderr.String())
		}
	}
	c := call(t.Context(), cli.Console{}, "-E", "-p", "tcp", "--from", path)
	want := "    [NEW] tcp      6 120 SYN_SENT src=192.168.77.2 dst=203.0.113.9 sport=39502 dport=443 [UNREPLIED] src=203.0.113.9 dst=203.0.113.1 sport=443 dport=39502\n" +
		" [UPDATE] tcp      6 432000 ESTABLISHED src=192.168.77.2 dst=203.0.113.9 sport=39502 dport=443 src=203.0.113.9 dst=203.0.113.1 sport=443 dport=39502 [ASSURED]\n" +
		"[DESTROY] tcp      6 CLOSE src=192.168.77.2 dst=203.0.113.9 sport=39502 dport=443 src=203.0.113.9 dst=203.0.113.1 sport=443 dport=39502 [ASSURED]\n"
	if c.stdout.String() != want || c.stderr.String() != "natlens: 3 flow events have been shown.\n" {
		t.Errorf("%s\n%s", firstDifference(c.stdout.String(), want), c.stderr.String())
	}
}

func TestListFromAt(t *testing.T) {
	path := writeRecording(t, lifeLines)
	for _, tt := range []struct{ at, want string }{
		{"2026-11-22T06:12:01Z", "7 syn_sent"},
		{"+1s", "7 established"},
		{"-4s", "7 established, 8 "},
		{"", "8 "},
	} {
		args := []string{"list", "--from", path}
		if tt.at != "" {
			args = append(args, "--at", tt.at)
		}
		c := call(t.Context(), cli.Console{}, args...)
		var got []string
		for _, m := range decodeLines(t, c.stdout.String()) {
			state, _ := m["state"].(string)
			got = append(got, string(rune('0'+int(m["id"].(float64))))+" "+state)
			if m["path"] != "forward" || m["event"] != "existing" || m["timeout"] != nil {
				t.Errorf("%s: %v", tt.at, m)
			}
		}
		if c.code != 0 || strings.Join(got, ", ") != tt.want {
			t.Errorf("--at %s: code %d, %q, want %q; %s", tt.at, c.code, got, tt.want, c.stderr.String())
		}
	}
}

func TestExplainFrom(t *testing.T) {
	c := call(t.Context(), cli.Console{}, "explain", "--from", writeRecording(t, lifeLines), "--at", "+2s", "--width", "100", "snat")
	if c.code != 0 || !strings.Contains(c.stdout.String(), "FORWARD") || !strings.Contains(c.stdout.String(), "203.0.113.1:39502") {
		t.Errorf("code %d\n%s%s", c.code, c.stdout.String(), c.stderr.String())
	}
}

func TestFromStandardInput(t *testing.T) {
	for _, args := range []string{"watch", "list"} {
		con := cli.Console{Stdin: strings.NewReader(lifeLines), Getenv: func(string) string { return "" }}
		var out, err bytes.Buffer
		con.Stdout, con.Stderr = &out, &err
		if code := run(t.Context(), con, []string{args, "--from", "-", "id", "8"}); code != 0 || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: code %d: %s%s", args, code, out.String(), err.String())
		}
	}
}

func TestFromTellsWhatItCouldNotRead(t *testing.T) {
	path := writeRecording(t, lifeLines[:400]+"\n"+lifeLines)
	c := call(t.Context(), cli.Console{}, "watch", "--from", path, "--quiet")
	want := "natlens: 1 could not be read, the first: rec.jsonl: line 1 at byte 0: ends in the middle\n"
	if c.code != 0 || c.stderr.String() != want || strings.Count(c.stdout.String(), `"lost"`) != 1 {
		t.Errorf("code %d: %s%s", c.code, c.stderr.String(), c.stdout.String())
	}
	path = writeRecording(t, lifeLines[:len(lifeLines)-100])
	c = call(t.Context(), cli.Console{}, "watch", "--from", path)
	want = "natlens: 3 events, 3 shown, 0 lost\nnatlens: the recording was cut off: rec.jsonl: line 4 at byte 1313: ends in the middle\n"
	if c.code != 0 || c.stderr.String() != want {
		t.Errorf("code %d: %s", c.code, c.stderr.String())
	}
}

// TestFromCountsEventsAlone puts a loss between events: it is shown, and none of
// the events that are counted, by the summary and by --limit.
func TestFromCountsEventsAlone(t *testing.T) {
	path := writeRecording(t, lifeLines[:400]+"\n"+lifeLines)
	c := call(t.Context(), cli.Console{}, "watch", "--from", path)
	first, _, _ := strings.Cut(c.stderr.String(), "\n")
	if events := strings.Count(c.stdout.String(), "\n") - 1; c.code != 0 || first != fmt.Sprintf("natlens: %d events, %[1]d shown, 1 lost", events) {
		t.Errorf("code %d: %s%s", c.code, c.stderr.String(), c.stdout.String())
	}
	c = call(t.Context(), cli.Console{}, "watch", "--from", path, "--limit", "2")
	if c.code != 0 || strings.Count(c.stdout.String(), "\n") != 3 || strings.Count(c.stdout.String(), `"lost"`) != 1 {
		t.Errorf("code %d: %s%s", c.code, c.stderr.String(), c.stdout.String())
	}
}

func TestFromMisuse(t *testing.T) {
	path := writeRecording(t, lifeLines)
	for args, want := range map[string]string{
		"watch --from FILE --capture ring":              "--capture is for the kernel: not together with --from",
		"watch --from FILE --existing":                  "--existing is for the kernel: not together with --from",
		"list --from FILE --netns x":                    "--netns is for the kernel: not together with --from",
		"list --at 14:32":                               "--at needs a recording: --from FILE",
		"list --from FILE --at noon":                    "--at noon: not a time such as " + cli.MomentHelp,
		"list --from FILE --at 2026-11-23T00:00:00Z":    "--at 2026-11-23T00:00:00Z: ",
		"list --from - --at 14:32":                      "--at needs a file: standard input is read once",
		"watch --from - --from FILE":                    "--from -: standard input can't be combined with other recordings",
		"watch --from FILE --for -1s":                   "--for -1s: must not be negative",
		"explain --from FILE --at +1s dport 1":          "explain: none of the 1 flows in the table matches dport 1",
		"watch --from /none/x.jsonl":                    "recording: open /none/x.jsonl: no such file or directory",
		"watch --from /proc/version":                    "recording version: neither JSON lines of natlens nor a netlink capture (pcapng, pcap)",
		"list --from FILE -e new":                       "--event-mask selects kinds of events: use it with natlens watch",
		"watch --from FILE -o yaml --output /none/none": `unknown output format "yaml"`,
	} {
		c := call(t.Context(), cli.Console{}, strings.Fields(strings.ReplaceAll(args, "FILE", path))...)
		if got := c.stderr.String(); c.code == 0 || !strings.HasPrefix(got, "natlens: "+want) || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: code %d, %q, want %q", args, c.code, got, want)
		}
	}
}

// TestAtOfNothing asks for a moment of a recording without an event.
func TestAtOfNothing(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pcapng")
	if c := call(t.Context(), cli.Console{}, "watch", "--from", writeRecording(t, lifeLines), "-o", "pcapng", "--output", empty, "mark", "99"); c.code != 0 {
		t.Fatal(c.stderr.String())
	}
	c := call(t.Context(), cli.Console{}, "list", "--from", empty, "--at", "-1s")
	if want := "natlens: --at -1s: the recording has no event\n"; c.code != 1 || c.stderr.String() != want || c.stdout.String() != "" {
		t.Errorf("code %d, %q %q", c.code, c.stdout.String(), c.stderr.String())
	}
}
