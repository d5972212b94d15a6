//go:build linux

package main

import (
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/golden"
)

// TestMisuse runs command lines that the whole program rejects: its commands, its help topics and
// conntrack(8)'s letters. Each ends with one line on standard error.
func TestMisuse(t *testing.T) {
	for _, args := range []string{
		"wathc", "frobnicate", "help frobnicate", "version now", "--frob", "history exprot", "nosuch -o jsonl",
		"expect nosuch --family ipv4", "help history nosuch", "help list nosuch", "conntrack nosuch",
		"filters tcp -o jsonl", "man history nosuch", "conntrack -L -p tcp", "", "--netns all", "watch label web",
		"-E --frobnicate", "-L -D", "-E frob", "-D dying", "-E -o frob", "-L -o save,id", "-E -s",
	} {
		got := call(t.Context(), cli.Console{LabelFile: "testdata/none.conf"}, strings.Fields(args)...)
		golden.Words(t, args, got.stderr.String())
		if got.code != 2 || got.stdout.String() != "" {
			t.Errorf("%s: code %d, %s", args, got.code, got.stdout.String())
		}
	}
}

// TestNoPrivilege expects the capability, the command line that has it and the
// lab, from every command that asks the kernel, by every way of capture.
func TestNoPrivilege(t *testing.T) {
	for _, args := range [][]string{
		{"watch"}, {"watch", "--capture", "socket", "tcp", "dport", "443"}, {"watch", "--capture", "ring"},
		{"watch", "-o", "csv", "not tcp"}, {"-E", "-p", "tcp"}, {"list", "--netns", "1"}, {"explain", "snat"}, {"why", "203.0.113.1:80"},
	} {
		cmd := natlens(args...)
		var stdout, stderr clitest.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := onThread(func() error {
			if err := childrenArePlain(); err != nil {
				return err
			}
			return cmd.Start()
		})
		if err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		golden.Words(t, strings.Join(args, " "), stderr.String())
		if code := cmd.ProcessState.ExitCode(); code != 1 || stdout.String() != "" {
			t.Errorf("%q: code %d, output %q", args, code, stdout.String())
		}
	}
}

// TestDoctorDenied checks the message for a user without the privilege.
func TestDoctorDenied(t *testing.T) {
	var p *process
	if err := onThread(func() error {
		if err := childrenArePlain(); err != nil {
			return err
		}
		p = start(t, nil, "doctor")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	text := p.rest(t)
	for line := range strings.Lines(text) {
		if head, _, _ := strings.Cut(line, " ("); strings.Contains(line, "CAP_NET_ADMIN") || strings.HasPrefix(line, "- others") {
			golden.Words(t, "", head) // the rest depends on the host
		}
	}
	if code := p.wait(t); code != cli.ExitFailure || strings.Count(text, "CAP_NET_ADMIN") != 1 {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}
