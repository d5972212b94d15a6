//go:build linux

package man

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor/lab/labtest"
)

// The programs that render manuals read the longest pages without a warning.
func TestRenders(t *testing.T) {
	for _, r := range [][]string{{"groff", "-man", "-t", "-k", "-Tutf8", "-ww", "-z"}, {"mandoc", "-Tlint", "-Werror"}} {
		if _, ok := labtest.Have(t, r[0]); !ok {
			continue
		}
		for _, words := range []string{"", "watch", "filters", "conntrack", "expect create"} {
			page, err := Page(strings.Fields(words))
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), r[0], r[1:]...)
			cmd.Stdin = strings.NewReader(string(page))
			said, err := cmd.CombinedOutput()
			if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
				t.Fatal(err)
			}
			if len(said) > 0 {
				t.Errorf("%s of man %s:\n%s", r[0], words, said)
			}
		}
	}
}

// The pages of commands and of topics have what users need.
func TestPage(t *testing.T) {
	for words, want := range map[string]string{
		"":          "natlens-watch(1)",
		"watch":     "--explain-filter",
		"filters":   "reply.dport",
		"files":     "NO_COLOR",
		"conntrack": "--dump",
	} {
		got := clitest.Run(t.Context(), New, "", strings.Fields(words)...)
		if page := strings.NewReplacer(`\fB`, "", `\fP`, "").Replace(got.Stdout); got.Err != nil || !strings.Contains(page, want) {
			t.Errorf("man %s: %v, without %q", words, got.Err, want)
		}
	}
	clitest.CheckMisuse(t, New, `
2 nosuch
`)
}
