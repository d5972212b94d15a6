//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"natlens/cmd/natlens/classic"
	"natlens/cmd/natlens/cli"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// needTerminal are the words of command lines of the pages that start the terminal UI, which the tests with tmux run.
var needTerminal = regexp.MustCompile(`^($|--|replay |lab$)`)

// TestDocsRun runs the command lines of natlens in README.md and docs in a lab gateway with traffic, for a short time, and
// gives their output to the jq behind them. They read and write files in a folder of the test.
func TestDocsRun(t *testing.T) {
	lines := docsLines(t)
	places, err := os.ReadFile("testdata/places.mmdb")
	if err != nil {
		t.Fatal(err)
	}
	l := labtest.NewWith(t, lab.Config{Acct: true, Timestamp: true})
	t.Chdir(t.TempDir())
	for _, name := range []string{"GeoLite2-City.mmdb", "GeoLite2-Country.mmdb", "GeoLite2-ASN.mmdb"} {
		if err := os.WriteFile(name, places, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	labtest.Busy(t, func(ctx context.Context) { _ = l.Run(ctx, lab.Traffic{Rate: 50, Seed: 7}) })
	for _, file := range []string{"flows.pcapng", "flows.jsonl", "natlens.jsonl --gateway fra1-a"} {
		runDocsLine(t, l, "natlens record --history history "+file)
	}
	ran := 0
	for _, d := range lines {
		if program, rest, _ := strings.Cut(strings.TrimPrefix(d.line, "sudo "), " "); program == "natlens" && !needTerminal.MatchString(rest) {
			runDocsLine(t, l, d.line)
			ran++
		}
	}
	if ran < 50 {
		t.Errorf("only %d lines were found", ran)
	}
}

// runDocsLine runs natlens, and jq if it is the next program of the line.
func runDocsLine(t *testing.T, l *lab.Lab, line string) {
	t.Helper()
	stages, err := shellStages(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	args, _, err := classic.Translate(stages[0][slices.Index(stages[0], "natlens")+1:])
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	got := call(t.Context(), cli.Console{}, inLab(t, l, args)...)
	// No packet comes for why, who and delete find nothing, and doctor may find something.
	accepted := got.code == 0 || got.code == 1 && slices.Contains([]string{"why", "who", "doctor", "delete"}, args[0])
	if !accepted {
		t.Errorf("%s: exit code %d, %s", line, got.code, got.stderr.String())
	}
	if _, err := exec.LookPath("jq"); err != nil || len(stages) == 1 || stages[1][0] != "jq" {
		return
	}
	jq := exec.CommandContext(t.Context(), "jq", stages[1][1:]...)
	jq.Stdin = strings.NewReader(got.stdout.String())
	if out, err := jq.CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s of\n%s", line, err, out, got.stdout.String())
	}
}

// inLab changes a command line so that it runs in the lab's gateway, ends soon, and asks nothing.
func inLab(t *testing.T, l *lab.Lab, args []string) []string {
	t.Helper()
	cmd, _, err := newRoot(cli.Console{}).Find(args)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	place := strings.NewReplacer("/var/lib/natlens", "history", "/var/log/natlens/", "", "/tmp/natlens/", "", "127.0.0.1:9742", "127.0.0.1:0")
	from, live := slices.Contains(args, "--from"), slices.Contains(args, "--live")
	var front, out []string
	for i, arg := range args {
		switch {
		case i > 0 && args[i-1] == "--for":
			arg = "100ms"
		case i > 0 && args[i-1] == "--since":
			arg = map[bool]string{true: "+0s", false: "-1h"}[from] // the beginning of the recording, or an hour ago
		case i > 0 && slices.Contains([]string{"--at", "--until"}, args[i-1]):
			arg = "-0s" // its end, or now
		case i > 0 && args[i-1] == "--netns":
			arg = l.Gateway.Path()
		}
		out = append(out, place.Replace(arg))
	}
	add := func(flag string, value ...string) {
		given := slices.ContainsFunc(args, func(arg string) bool { return arg == "--"+flag || strings.HasPrefix(arg, "--"+flag+"=") })
		if cmd.Flags().Lookup(flag) != nil && !given {
			front = append(append(front, "--"+flag), value...)
		}
	}
	if live || !from && !slices.Contains([]string{"lab", "who", "export"}, cmd.Name()) {
		add("netns", l.Gateway.Path())
	}
	if cmd.Name() == "record" { // its recording has a beginning and an end
		front = append(front, "--existing=false", "--limit", "10")
	} else if !from && cmd.Name() != "explain" {
		add("for", "100ms")
	}
	if !from && !live && (cmd.Name() == "who" || cmd.Name() == "export") {
		add("history", "history")
	}
	if cmd.Name() == "record" && strings.HasPrefix(out[len(out)-1], "flows.") {
		add("force")
	}
	if cmd.Name() == "delete" && !slices.Contains(args, "--dry-run") {
		add("yes")
	}
	depth := len(strings.Fields(cmd.CommandPath())) - 1
	return append(append(slices.Clone(out[:depth]), front...), out[depth:]...)
}
