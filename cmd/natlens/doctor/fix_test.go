//go:build linux

package doctor

import (
	"fmt"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

const acctSysctl, timestampSysctl = "net.netfilter.nf_conntrack_acct", "net.netfilter.nf_conntrack_timestamp"

// settingsOf returns acct and timestamp of the gateway, a digit each.
func settingsOf(t *testing.T, l *lab.Lab) (text string) {
	t.Helper()
	for _, name := range []string{acctSysctl, timestampSysctl} {
		value, err := l.Gateway.ReadSysctl(name)
		if err != nil {
			t.Fatal(err)
		}
		text += value
	}
	return text
}

// TestFix sets what is missing after a yes, and prints the command that undoes it.
func TestFix(t *testing.T) {
	l := labtest.NewWith(t, lab.Config{Timestamp: true})
	enter := fmt.Sprintf("nsenter --net=%s ", l.Gateway.Path())
	if cli.Sudo() {
		enter = "sudo " + enter
	}
	undo := enter + "sysctl -w " + acctSysctl + "=0"
	for _, step := range []struct {
		args, answer string
		code         int
		stderr       string
		after        string // acct and timestamp
	}{
		{"--fix --dry-run", "", 0, "natlens: would set net.netfilter.nf_conntrack_acct=1 (is 0)\n", "01"},
		{"--fix", "n", 1, "set net.netfilter.nf_conntrack_acct=1 (is 0)? [y/N] ", "01"},
		{"--fix", "y", 0, "set net.netfilter.nf_conntrack_acct=1 (is 0)? [y/N] natlens: " +
			"net.netfilter.nf_conntrack_acct=1; undo: " + undo + "\n", "11"},
		{"--fix --yes", "", 0, "natlens: --fix has nothing to set\n", "11"},
	} {
		got := clitest.Run(t.Context(), New, step.answer, append(strings.Fields(step.args), "--for", "50ms",
			"--netns", l.Gateway.Path())...)
		if got.Code() != step.code || got.Stderr != step.stderr {
			t.Errorf("%s: exit code %d, %v, standard error\n%s\nwant\n%s", step.args, got.Code(), got.Err,
				got.Stderr, step.stderr)
		}
		if now := settingsOf(t, l); now != step.after {
			t.Errorf("%s: settings %s, want %s", step.args, now, step.after)
		}
	}
}

func TestMisuse(t *testing.T) {
	for args, want := range map[string]string{
		"--for 0s": "--for 0s: must be longer than 0",
		"--yes":    "--yes and --dry-run go with --fix",
		"--fix": "doctor --fix asks first, and there is no terminal to ask on: use --yes to skip the question, " +
			"or --dry-run to see what it would do",
		"--fix --yes --dry-run": "--yes and --dry-run contradict each other",
		"--fix --netns all":     "--fix changes one network namespace: not together with --netns all",
		"now":                   `doctor takes no arguments, got "now"`,
	} {
		got := clitest.Run(t.Context(), New, "", strings.Fields(args)...)
		if got.Code() != cli.ExitUsage || got.Err.Error() != want || got.Stdout != "" {
			t.Errorf("%s: exit code %d, %v, want %s", args, got.Code(), got.Err, want)
		}
	}
}
