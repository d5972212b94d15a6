//go:build linux

package doctor

import (
	"fmt"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/golden"
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
	for _, step := range []struct {
		args, answer string
		code         int
		after        string // acct and timestamp
	}{
		{"--fix --dry-run", "", 0, "01"},
		{"--fix", "n", 1, "01"},
		{"--fix", "y", 0, "11"},
		{"--fix --yes", "", 0, "11"},
	} {
		got := clitest.Run(t.Context(), New, step.answer, append(strings.Fields(step.args), "--for", "50ms",
			"--netns", l.Gateway.Path())...)
		golden.Words(t, strings.TrimSpace(step.args+" "+step.answer), strings.ReplaceAll(got.Stderr, enter, ""))
		if got.Code() != step.code {
			t.Errorf("%s: exit code %d, %v", step.args, got.Code(), got.Err)
		}
		if now := settingsOf(t, l); now != step.after {
			t.Errorf("%s: settings %s, want %s", step.args, now, step.after)
		}
	}
}

// Each misuse ends with one line.
func TestMisuse(t *testing.T) {
	clitest.CheckMisuse(t, New, `
2 --for 0s
2 --yes
2 --fix
2 --fix --yes --dry-run
2 --fix --netns all
2 now
2 --threshold syn-age=3
2 --threshold 3
`)
}
