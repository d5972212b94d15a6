package who

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor"
	"natlens/monitor/translation"
	"natlens/monitor/translation/translationtest"
	"natlens/tui/who"
)

// whoEvent is a JSON line of a flow: who sends, as whom, to where.
func whoEvent(second int, event, proto string, flow int, from, as, to, more string) string {
	num := map[string]int{"tcp": 6, "udp": 17}[proto]
	end := func(text string) (addr, port string) {
		i := strings.LastIndexByte(text, ':')
		return strings.Trim(text[:i], "[]"), text[i+1:]
	}
	fa, fp := end(from)
	aa, ap := end(as)
	ta, tp := end(to)
	family := "ipv4"
	if strings.Contains(fa, ":") {
		family = "ipv6"
	}
	return fmt.Sprintf(`{"v":1,"ts":"2026-11-22T06:12:%02d.000000000Z","ts_source":"kernel","seq":%d,"event":%q,"family":%q,"proto":%q,"protonum":%d,`+
		`"orig":{"src":%q,"sport":%s,"dst":%q,"dport":%s},"reply":{"src":%q,"sport":%s,"dst":%q,"dport":%s},"status":["confirmed","src_nat"]%s,"flow":%d}`+"\n",
		second, second+1, event, family, proto, num, fa, fp, ta, tp, ta, tp, aa, ap, more, flow)
}

const whoCounters = `,"counters":{"orig":{"packets":10,"bytes":48100},"reply":{"packets":20,"bytes":1100000}}`

// whoLines are a recording in which an address and port have three holders, and a
// gap lies in the life of the last one.
func whoLines() string {
	const outside = "203.0.113.1:40000"
	return whoEvent(0, "existing", "tcp", 1, "192.168.77.9:1111", outside, "203.0.113.66:22", "") +
		whoEvent(5, "destroy", "tcp", 1, "192.168.77.9:1111", outside, "203.0.113.66:22", whoCounters) +
		whoEvent(10, "new", "tcp", 2, "192.168.77.2:4444", outside, "203.0.113.9:443", "") +
		whoEvent(12, "new", "udp", 3, "192.168.77.3:4444", outside, "203.0.113.9:53", "") +
		whoEvent(20, "destroy", "tcp", 2, "192.168.77.2:4444", outside, "203.0.113.9:443", whoCounters) +
		whoEvent(30, "new", "tcp", 4, "192.168.77.3:5555", outside, "203.0.113.9:443", "") +
		`{"v":1,"ts":"2026-11-22T06:12:40.000000000Z","seq":41,"event":"lost","count":7,"from":"2026-11-22T06:12:38.000000000Z","to":"2026-11-22T06:12:40.000000000Z"}` + "\n" +
		whoEvent(50, "destroy", "tcp", 4, "192.168.77.3:5555", outside, "203.0.113.9:443", "") +
		whoEvent(55, "new", "tcp", 5, "[2001:db8:77::2]:9", "[2001:db8:cb::1]:700", "[2001:db8:cb::9]:443", "")
}

// inUTC makes local time UTC for a test.
func inUTC(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
}

// TestWhoInTheUI asks as the UI does.
func TestWhoInTheUI(t *testing.T) {
	inUTC(t)
	path := filepath.Join(t.TempDir(), "rec.jsonl")
	if err := os.WriteFile(path, []byte(whoLines()), 0o600); err != nil {
		t.Fatal(err)
	}
	u := NewAsker(cli.Console{Getenv: os.Getenv}, Scope{Recordings: []string{path}})
	got, err := u.Ask(t.Context(), "203.0.113.1:40000 -p tcp --at 06:12:45")
	want := who.Answer{
		Heads: []string{"INSIDE", "PROTO", "OUTSIDE", "SINCE (UTC)", "UNTIL", "TOWARDS", "KIND", ""},
		Rows: []who.Row{{Uncertain: true, Cells: []string{"192.168.77.3:5555", "tcp", "203.0.113.1:40000", "2026-11-22 06:12:30.000", "2026-11-22 06:12:50.000",
			"203.0.113.9:443", "snat", "uncertain: a gap during its life"}}},
		Verdict: []string{"Held by 192.168.77.3: 1 translation, uncertain.", "The recording rec.jsonl covers 2026-11-22 06:12:00.000 to 2026-11-22 06:12:55.000."},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for question, want := range map[string]string{
		"203.0.113":                    "203.0.113: not an address, such as 203.0.113.7, 203.0.113.7:32768 or [2001:db8::7]:443",
		"203.0.113.1 203.0.113.2":      "one ADDR[:PORT], not 203.0.113.2 as well",
		"203.0.113.1 -o jsonl":         "-o is for natlens who on the command line",
		"203.0.113.1 --recording -":    "--recording -: standard input is the keyboard here",
		"203.0.113.1 --att 14:32":      "unknown flag --att: did you mean --at?",
		"203.0.113.1 --at half-past-2": "--at half-past-2: not a time such as " + cli.MomentHelp,
	} {
		if _, err := u.Ask(t.Context(), question); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", question, err, want)
		}
	}
	place, err := (&options{}).openTable()
	if err != nil {
		return // there is no table on this platform
	}
	err = (&times{at: "yesterday"}).read(place, new(translation.Query))
	if want := "--at yesterday: not a time such as " + cli.MomentNowHelp; err == nil || err.Error() != want {
		t.Errorf("of a table: %v, want %s", err, want)
	}
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
	p := &text{answers: answers{clock: clock{time.UTC}}, w: &out, width: 60, place: "the history in DIR"}
	second := func(n int) monitor.Time {
		return monitor.Time(time.Date(2026, 11, 22, 6, 12, n, 0, time.UTC).UnixNano())
	}
	var a translation.Answer
	a.Proto, a.NAT, a.Start, a.End, a.Reason, a.Namespace = monitor.TCP, translation.SNAT, second(1), second(9), translation.Replaced, "tenant\x1b[2J"
	a.From, a.SentAs, a.To = translationtest.Endpoint("192.168.77.2:4444"), translationtest.Endpoint("203.0.113.1:40000"), translationtest.Endpoint("203.0.113.9:443")
	a.Counted, a.Original.Bytes, a.Reply.Bytes = true, 48100, 1100000
	a.Doubt = translation.EndedInGap | translation.TouchedByGap
	if err := p.add(&a); err != nil {
		t.Fatal(err)
	}
	res := translation.Result{Answers: 1, Began: second(0), Ended: second(30)}
	res.Gaps = []translation.Gap{{From: second(8), To: second(9), Count: 2844, AtLeast: true, Cause: translation.Lost}, {From: second(9), To: second(12), Cause: translation.Restarted}}
	v := translation.Decide(translation.Query{}, res)
	if err := p.end(&v, ""); err != nil {
		t.Fatal(err)
	}
	want := `192.168.77.2:4444 as tcp 203.0.113.1:40000
  2026-11-22 06:12:01.000 to 2026-11-22 06:12:09.000,
  towards 203.0.113.9:443, snat, ↑48 kB ↓1.1 MB
  uncertain: ended in a gap, a gap during its life;
  replaced; in tenant\x1b[2J

Held by 192.168.77.2 in tenant\x1b[2J: 1 translation,
uncertain.
The history in DIR covers 2026-11-22 06:12:00.000 to
2026-11-22 06:12:30.000.
Uncertain: at least 2,844 events were lost between
2026-11-22 06:12:08.000 and 2026-11-22 06:12:09.000.
Uncertain: nothing was captured between 2026-11-22
06:12:09.000 and 2026-11-22 06:12:12.000.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// TestWhoOfANamespace asks a recording of several namespaces for those of one.
func TestWhoOfANamespace(t *testing.T) {
	inUTC(t)
	path := filepath.Join(t.TempDir(), "rec.jsonl")
	const outside, to = "203.0.113.1:40000", "203.0.113.9:443"
	lines := whoEvent(0, "new", "tcp", 1, "192.168.77.2:4444", outside, to, `,"netns":"blue"`) +
		whoEvent(1, "new", "tcp", 2, "192.168.77.3:4444", outside, to, `,"netns":"red"`) +
		`{"v":1,"ts":"2026-11-22T06:12:03.000000000Z","seq":3,"event":"lost","count":7,"netns":"red","from":"2026-11-22T06:12:02.000000000Z","to":"2026-11-22T06:12:03.000000000Z"}` + "\n" +
		whoEvent(4, "destroy", "tcp", 2, "192.168.77.3:4444", outside, to, `,"netns":"red"`)
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	const covers = "The recording rec.jsonl covers 2026-11-22 06:12:00.000 to 2026-11-22 06:12:04.000.\n"
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"203.0.113.1:40000", 0, `INSIDE             PROTO  OUTSIDE            SINCE (UTC)              UNTIL                    TOWARDS          KIND
192.168.77.3:4444  tcp    203.0.113.1:40000  2026-11-22 06:12:01.000  2026-11-22 06:12:04.000  203.0.113.9:443  snat  uncertain: a gap during its life; in red
192.168.77.2:4444  tcp    203.0.113.1:40000  2026-11-22 06:12:00.000  open at the end          203.0.113.9:443  snat  in blue

Held by 2 inside hosts (192.168.77.3 in red, 192.168.77.2 in blue): 2 translations, 1 uncertain.
` + covers + "Uncertain: 7 events were lost between 2026-11-22 06:12:02.000 and 2026-11-22 06:12:03.000 in red.\n"},
		{"203.0.113.1:40000 --netns blue", 0, `INSIDE             PROTO  OUTSIDE            SINCE (UTC)              UNTIL            TOWARDS          KIND
192.168.77.2:4444  tcp    203.0.113.1:40000  2026-11-22 06:12:00.000  open at the end  203.0.113.9:443  snat  in blue

Held by 192.168.77.2 in blue: 1 translation, none uncertain.
` + covers},
		{"203.0.113.2 --netns red", 1, "No translation found.\n" + covers +
			"Uncertain: 7 events were lost between 2026-11-22 06:12:02.000 and 2026-11-22 06:12:03.000 in red.\n"},
		{"203.0.113.1:40000 --netns rad", 1, "Not covered: the recording rec.jsonl has no network namespace rad, but blue, red.\n"},
		{"203.0.113.1:40000 --netns rad -o jsonl", 1, `{"v":1,"answer":"not-covered","count":0,"uncertain":0,"covered":"none","from":"2026-11-22T06:12:00.000000000Z","to":"2026-11-22T06:12:04.000000000Z","namespaces":["blue","red"]}` + "\n"},
	} {
		c := clitest.Run(t.Context(), New, "", append([]string{"--recording", path}, strings.Fields(tt.args)...)...)
		if got := c.Stdout; got != tt.want || c.Code() != tt.code {
			t.Errorf("who %s: code %d, %s\n%swant %d and\n%s", tt.args, c.Code(), c.Stderr, got, tt.code, tt.want)
		}
	}
}

// A recording in several files is one in the sentences about it.
func TestWhoOfARecordingInFiles(t *testing.T) {
	inUTC(t)
	lines := strings.SplitAfter(whoLines(), "\n")
	var args []string
	for i, part := range []string{strings.Join(lines[:3], ""), strings.Join(lines[3:], "")} {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("rec-%d.jsonl", i))
		if err := os.WriteFile(path, []byte(part), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--recording", path)
	}
	c := clitest.Run(t.Context(), New, "", append([]string{"203.0.113.1:40000", "--at", "05:00"}, args...)...)
	if want := "Not covered: the recording in 2 files begins 2026-11-22 06:12:00.000.\n"; c.Stdout != want || c.Code() != 1 {
		t.Errorf("code %d, %q, want 1 and %q", c.Code(), c.Stdout, want)
	}
}

// TestWho asks a recording, and wants each whole answer.
func TestWho(t *testing.T) {
	inUTC(t)
	path := filepath.Join(t.TempDir(), "rec.jsonl")
	if err := os.WriteFile(path, []byte(whoLines()), 0o600); err != nil {
		t.Fatal(err)
	}
	const covers = "The recording rec.jsonl covers 2026-11-22 06:12:00.000 to 2026-11-22 06:12:55.000.\n"
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"203.0.113.1:40000 --at 06:12:15", 0, `INSIDE             PROTO  OUTSIDE            SINCE (UTC)              UNTIL                    TOWARDS          KIND  BYTES
192.168.77.2:4444  tcp    203.0.113.1:40000  2026-11-22 06:12:10.000  2026-11-22 06:12:20.000  203.0.113.9:443  snat  ↑48 kB ↓1.1 MB
192.168.77.3:4444  udp    203.0.113.1:40000  2026-11-22 06:12:12.000  open at the end          203.0.113.9:53   snat                  uncertain: a gap during its life

Held by 2 inside hosts (192.168.77.2, 192.168.77.3): 2 translations, 1 uncertain.
` + covers},
		{"203.0.113.1:40000 -p tcp --at 06:12:15", 0, `INSIDE             PROTO  OUTSIDE            SINCE (UTC)              UNTIL                    TOWARDS          KIND  BYTES
192.168.77.2:4444  tcp    203.0.113.1:40000  2026-11-22 06:12:10.000  2026-11-22 06:12:20.000  203.0.113.9:443  snat  ↑48 kB ↓1.1 MB

Held by 192.168.77.2: 1 translation, none uncertain.
` + covers},
		{"203.0.113.1:40000 -p tcp --at 06:12:03", 0, `INSIDE             PROTO  OUTSIDE            SINCE (UTC)                     UNTIL                    TOWARDS          KIND  BYTES
192.168.77.9:1111  tcp    203.0.113.1:40000  before 2026-11-22 06:12:00.000  2026-11-22 06:12:05.000  203.0.113.66:22  snat  ↑48 kB ↓1.1 MB

Held by 192.168.77.9: 1 translation, none uncertain.
` + covers},
		{"203.0.113.1:40000 -p tcp --at 2026-11-22T06:12:45.5Z", 0, `INSIDE             PROTO  OUTSIDE            SINCE (UTC)              UNTIL                    TOWARDS          KIND
192.168.77.3:5555  tcp    203.0.113.1:40000  2026-11-22 06:12:30.000  2026-11-22 06:12:50.000  203.0.113.9:443  snat  uncertain: a gap during its life

Held by 192.168.77.3: 1 translation, uncertain.
` + covers},
		{"203.0.113.1:40000 -p tcp --at 06:12:25", 1, "No translation found. Capture was complete for that time.\n" + covers},
		{"203.0.113.1:40001 --since 06:12:25 --until 06:12:39", 1, "No translation found.\n" + covers +
			"Uncertain: 7 events were lost between 2026-11-22 06:12:38.000 and 2026-11-22 06:12:40.000.\n"},
		{"203.0.113.1:40000 --at 05:00", 1, "Not covered: the recording rec.jsonl begins 2026-11-22 06:12:00.000.\n"},
		{"203.0.113.1:40000 --at 2026-11-23", 2, ""},
		{"203.0.113.1:40000 --at 2026-11-22T07:00:00Z", 1, `INSIDE             PROTO  OUTSIDE            SINCE (UTC)              UNTIL            TOWARDS         KIND
192.168.77.3:4444  udp    203.0.113.1:40000  2026-11-22 06:12:12.000  open at the end  203.0.113.9:53  snat  uncertain: a gap during its life, not captured all the time

Open when capture ended: held by 192.168.77.3: 1 translation, uncertain.
Not covered: the recording rec.jsonl ends 2026-11-22 06:12:55.000.
`},
		{"203.0.113.1:40000 --since 06:11 --until 06:12:08 --dst 203.0.113.66", 0, `INSIDE             PROTO  OUTSIDE            SINCE (UTC)                     UNTIL                    TOWARDS          KIND  BYTES
192.168.77.9:1111  tcp    203.0.113.1:40000  before 2026-11-22 06:12:00.000  2026-11-22 06:12:05.000  203.0.113.66:22  snat  ↑48 kB ↓1.1 MB

Held by 192.168.77.9: 1 translation, none uncertain.
The recording rec.jsonl covers only a part of that time: 2026-11-22 06:12:00.000 to 2026-11-22 06:12:55.000.
`},
		{"--inside [2001:db8:77::2]:9", 0, `INSIDE              PROTO  OUTSIDE               SINCE (UTC)              UNTIL            TOWARDS               KIND
[2001:db8:77::2]:9  tcp    [2001:db8:cb::1]:700  2026-11-22 06:12:55.000  open at the end  [2001:db8:cb::9]:443  snat

Held by 2001:db8:77::2: 1 translation, none uncertain.
` + covers + "Uncertain: 7 events were lost between 2026-11-22 06:12:38.000 and 2026-11-22 06:12:40.000.\n"},
	} {
		c := clitest.Run(t.Context(), New, "", append([]string{"--recording", path}, strings.Fields(tt.args)...)...)
		if got := c.Stdout; got != tt.want || c.Code() != tt.code {
			t.Errorf("who %s: code %d, %s\n%swant %d and\n%s", tt.args, c.Code(), c.Stderr, got, tt.code, tt.want)
		}
	}
}
