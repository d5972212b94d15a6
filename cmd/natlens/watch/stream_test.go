//go:build linux

package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/human"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// begin starts watch in the gateway.
func begin(t *testing.T, l *lab.Lab, args ...string) *clitest.Running {
	t.Helper()
	return clitest.Start(t, New, append(args, "--netns", l.Gateway.Path())...)
}

// notesOfRun are the two lines on standard error of a run without a loss.
var notesOfRun = regexp.MustCompile(`^natlens: capture: (?:ring|socket) of \d[\d.]* [KM]iB(?:; (?:not the ring|natlens applies the filter): [^\n]+)?
natlens: \d+ events, (\d+) shown, 0 lost, (\d[\d.]* k?B) written in [\d.]+m?s
$`)

// checkRun compares the summary with what was written, and returns the lines.
func checkRun(t *testing.T, r *clitest.Result, written string) []map[string]any {
	t.Helper()
	m := notesOfRun.FindStringSubmatch(r.Stderr)
	if r.Err != nil || m == nil {
		t.Fatalf("%v, standard error: %q", r.Err, r.Stderr)
	}
	if m[1] != fmt.Sprint(strings.Count(written, "\n")) || m[2] != human.Bytes(uint64(len(written))) {
		t.Errorf("%q, but there are %d lines of %d bytes", r.Stderr, strings.Count(written, "\n"), len(written))
	}
	return clitest.Lines(t, written)
}

// eventsOf returns the kinds of the lines.
func eventsOf(lines []map[string]any) string {
	var kinds []string
	for _, line := range lines {
		kinds = append(kinds, line["event"].(string))
	}
	return strings.Join(kinds, " ")
}

func TestCount(t *testing.T) {
	l := labtest.New(t)
	for _, capture := range []string{"auto", "socket"} {
		r := begin(t, l, "--capture", capture, "--limit", "3", "-e", "new,update", "udp")
		labtest.FlowsUDP(t, l, 3)
		got := r.Wait(t)
		if kinds := eventsOf(checkRun(t, got, got.Stdout)); kinds != "new update new" {
			t.Errorf("%s: %s", capture, kinds)
		}
	}
}

// With --summary there is a note with the number of events that were shown, in conntrack(8)'s words.
func TestSummary(t *testing.T) {
	l := labtest.New(t)
	for args, want := range map[string]string{
		"-e new -p udp": "natlens: 2 flow events have been shown.\n",
		"-p tcp":        "natlens: 0 flow events have been shown.\n",
	} {
		r := begin(t, l, append(strings.Fields("--summary --raw -o conntrack"), strings.Fields(args)...)...)
		labtest.FlowsUDP(t, l, 2)
		if got := r.Stop(t); got.Err != nil || !strings.Contains(got.Stderr, "\n"+want) {
			t.Errorf("%s: %v, %q, want %q", args, got.Err, got.Stderr, want)
		}
	}
}

// A run ends by time, with the events that were seen until then.
func TestFor(t *testing.T) {
	l := labtest.New(t)
	r := begin(t, l, "--for", "300ms", "-e", "new", "udp")
	began := time.Now()
	labtest.FlowsUDP(t, l, 2)
	early := time.Since(began) < 100*time.Millisecond // the machine is not too busy
	got := r.Wait(t)
	if lines := checkRun(t, got, got.Stdout); early && len(lines) != 2 {
		t.Errorf("lines:\n%s", got.Stdout)
	}
}

// The flows of the table come first, then the events.
func TestExisting(t *testing.T) {
	l := labtest.New(t)
	labtest.FlowsUDP(t, l, 2)
	r := begin(t, l, "--existing", "--limit", "4", "udp")
	r.WaitLines(t, 2, "")
	labtest.FlowsUDP(t, l, 1)
	got := r.Wait(t)
	if kinds := eventsOf(checkRun(t, got, got.Stdout)); kinds != "existing existing new update" {
		t.Error(kinds)
	}
}

// A file that is overwritten belongs to its owner alone afterwards.
func TestForce(t *testing.T) {
	l := labtest.New(t)
	path := filepath.Join(t.TempDir(), "flows.jsonl")
	if err := os.WriteFile(path, []byte("earlier contents\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := begin(t, l, "--output", path, "--force", "--limit", "1")
	labtest.FlowsUDP(t, l, 1)
	got := r.Wait(t)
	text, err := os.ReadFile(path)
	if lines := checkRun(t, got, string(text)); err != nil || got.Stdout != "" || len(lines) != 1 {
		t.Errorf("standard output %q, the file has %q, %v", got.Stdout, text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
}

// Labels have the names of connlabel.conf in the filter, in the flag and in the output.
func TestLabels(t *testing.T) {
	l := labtest.New(t)
	err := labtest.AddRule(l, nftables.TableFamilyIPv4, "filter", "mangle_prerouting",
		lab.Proto(unix.IPPROTO_UDP), lab.Dport(53), labtest.SetLabel(3))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "connlabel.conf")
	if err := os.WriteFile(path, []byte("3 names\n5 web\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var runs []*clitest.Running
	for _, words := range []string{"label names", "-l names", "label 3", "-l 3"} {
		args := strings.Fields("-o conntrack,labels --limit 1 --labelmap " + path + " " + words)
		runs = append(runs, begin(t, l, args...))
	}
	if _, err := l.TCPOnce(t.Context(), lab.TCP{To: lab.ServerHTTP}); err != nil {
		t.Fatal(err)
	}
	labtest.FlowsUDP(t, l, 1)
	for _, r := range runs {
		got := r.Wait(t)
		line := strings.TrimRight(got.Stdout, " \n")
		if got.Err != nil || !strings.Contains(line, "dport=53") || !strings.HasSuffix(line, "labels=names") {
			t.Errorf("%v, line %q", got.Err, line)
		}
	}
}
