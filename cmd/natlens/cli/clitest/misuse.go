package clitest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/golden"
)

// CheckMisuse runs the command lines of a table. Each must end with its exit code and with an error alone, which
// golden.Words compares, and change no file. A line of the table has the exit code and the words:
//
//	2 --limit -1
//
// DIR becomes the path of a directory that has one file, "there".
func CheckMisuse(t *testing.T, build func(cli.Console) *cobra.Command, table string) {
	t.Helper()
	for line := range strings.Lines(strings.TrimSpace(table)) {
		dir := t.TempDir()
		there := filepath.Join(dir, "there")
		if err := os.WriteFile(there, []byte("precious\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(strings.ReplaceAll(line, "DIR", dir))
		got := Run(t.Context(), build, "", words[1:]...)
		golden.Words(t, strings.TrimSpace(line), strings.ReplaceAll(fmt.Sprint(got.Err), dir, "DIR"))
		if fmt.Sprint(got.Code()) != words[0] || got.Stdout+got.Stderr != "" {
			t.Errorf("%s: code %d, %v; %s%s", line, got.Code(), got.Err, got.Stdout, got.Stderr)
		}
		text, err := os.ReadFile(there)
		left, _ := os.ReadDir(dir)
		if err != nil || string(text) != "precious\n" || len(left) != 1 {
			t.Errorf("%s: files %v, %q, %v", line, left, text, err)
		}
	}
}

// CheckCompletion asks for completions as a shell's script does. A line of the table has the words of the
// command line, with bars between them, " → " and what is offered for the last word, without what does not
// begin with it.
func CheckCompletion(t *testing.T, build func(cli.Console) *cobra.Command, table string) {
	for line := range strings.Lines(strings.TrimSpace(table)) {
		call, want, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " → ")
		words := strings.Split(call, "|")
		got := Run(t.Context(), build, "", append([]string{cobra.ShellCompNoDescRequestCmd}, words...)...)
		var offered []string
		for one := range strings.Lines(got.Stdout) {
			other := strings.HasPrefix(one, ":") || strings.HasPrefix(one, "_activeHelp_")
			if strings.HasPrefix(one, words[len(words)-1]) && !other {
				offered = append(offered, strings.TrimSpace(one))
			}
		}
		if text := strings.Join(offered, " "); text != want || got.Err != nil {
			t.Errorf("%s: offered %s, want %s; %v", call, text, want, got.Err)
		}
	}
}
