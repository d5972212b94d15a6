//go:build linux

package main

import (
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
)

// TestMisuse runs command lines that the whole program rejects: its commands, its help topics and
// conntrack(8)'s letters. Each ends with one line on standard error.
func TestMisuse(t *testing.T) {
	for args, want := range map[string]string{
		"wathc":                       `unknown command "wathc": did you mean watch?`,
		"frobnicate":                  `unknown command "frobnicate": natlens --help lists them`,
		"help frobnicate":             `unknown command "frobnicate": natlens --help lists them`,
		"version now":                 `natlens version takes no arguments, got "now"`,
		"--frob":                      "unknown flag --frob; see natlens --help",
		"history exprot":              `unknown command "exprot": did you mean export?`,
		"nosuch -o jsonl":             `unknown command "nosuch": natlens --help lists them`,
		"expect nosuch --family ipv4": `unknown command "nosuch": natlens expect --help lists them`,
		"help history nosuch":         `unknown command "nosuch": natlens history --help lists them`,
		"help list nosuch":            `natlens list has no commands, such as "nosuch"`,
		"conntrack nosuch":            `natlens conntrack is a help topic and takes no arguments, got "nosuch"`,
		"filters tcp -o jsonl":        `natlens filters is a help topic and takes no arguments, got "tcp"`,
		"man history nosuch":          `unknown command "nosuch": natlens history --help lists them`,
		"conntrack -L -p tcp":         "use conntrack(8)'s letters without the word conntrack: natlens -L -p tcp",

		"":               "standard output is not a terminal: natlens watch writes lines, natlens --help lists the commands",
		"--netns nosuch": "standard output is not a terminal: natlens watch writes lines, natlens --help lists the commands",
		"watch label web": "filter: column 7: web: not a label: labels have no names here (open testdata/none.conf: no such file or " +
			"directory), and numbers from 0 to 127",

		"-E --frobnicate": "unknown flag --frobnicate; see natlens watch --help",
		"-L -D":           "unknown flag -D; see natlens list --help",
		"-E frob":         "filter: column 1: frob: unknown word",
		"-D dying":        "-D dying: natlens delete has the table conntrack only",
		"-E -o frob":      `unknown output modifier "frob": it is one of xml, extended, timestamp, id, ktimestamp, labels, userspace, save`,
		"-L -o save,id":   "output modifier save: not together with others, because command lines cannot contain what they add",
		"-E -s":           "-s needs a value: ADDR[/BITS]",
	} {
		got := call(t.Context(), cli.Console{LabelFile: "testdata/none.conf"}, strings.Fields(args)...)
		if got.stderr.String() != "natlens: "+want+"\n" || got.code != 2 || got.stdout.String() != "" {
			t.Errorf("%s: code %d, standard error\n%swant\n%s", args, got.code, got.stderr.String(), want)
		}
	}
}

// TestNoPrivilege expects the capability, the command line that has it and the
// lab, from every command that asks the kernel, by every way of capture.
func TestNoPrivilege(t *testing.T) {
	const hint = ": try sudo natlens ARGS, or natlens lab --watch, which needs no privilege\n"
	const socket = "natlens: join conntrack event group 1: CAP_NET_ADMIN is missing (netlink join-group: setsockopt: operation not permitted)" + hint
	for _, c := range []struct {
		args []string
		line string // as the hint has it
		want string
	}{
		{[]string{"watch"}, "watch", socket},
		{[]string{"watch", "--capture", "socket", "tcp", "dport", "443"}, "watch --capture socket tcp dport 443", socket},
		{[]string{"watch", "--capture", "ring"}, "watch --capture ring", "natlens: capture by ring: bpf(2) is not permitted: needs CAP_BPF in the initial user namespace" + hint},
		{[]string{"watch", "-o", "csv", "not tcp"}, "watch -o csv 'not tcp'", socket},
		{[]string{"-E", "-p", "tcp"}, "-E -p tcp", socket},
		{[]string{"list", "--netns", "1"}, "list --netns 1", "natlens: --netns 1: open /proc/1/ns/net: permission denied: try sudo natlens ARGS\n"},
		{[]string{"explain", "snat"}, "explain snat", "natlens: dump: CAP_NET_ADMIN is missing (operation not permitted)" + hint},
		{[]string{"why", "203.0.113.1:80"}, "why 203.0.113.1:80", "natlens: follow traces: CAP_NET_ADMIN is missing " +
			"(netlink join-group: setsockopt: operation not permitted): try sudo natlens ARGS, or natlens why --send, which needs no privilege\n"},
	} {
		cmd := natlens(c.args...)
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
		want := strings.ReplaceAll(c.want, "ARGS", c.line)
		if code := cmd.ProcessState.ExitCode(); code != 1 || stderr.String() != want || stdout.String() != "" {
			t.Errorf("%q: code %d, output %q, standard error\n%swant 1 and\n%s", c.args, code, stdout.String(), stderr.String(), want)
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
	if code := p.wait(t); code != cli.ExitFailure || !strings.HasPrefix(text, "✗ privilege           flows, rules and events can't be read: ") ||
		!strings.Contains(text, "CAP_NET_ADMIN is missing") || !strings.Contains(text, "\n- others              not checked: a privilege is missing (hook, ring, queue, ") || strings.Count(text, "CAP_NET_ADMIN") != 1 {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}
