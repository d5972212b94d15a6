//go:build linux

package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/cmd/natlens/cli"
)

// exitCodes reads testdata/exitcodes.txt: a line has an exit code and a command line,
// words between blanks. NS is an empty network namespace, REC a recording of two flows,
// DIR an empty folder.
func exitCodes(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/exitcodes.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			all = append(all, words)
		}
	}
	return all
}

// TestExitCodes runs every command with every flag. It ignores what they print. In a build with a tag, a command or flag
// that was left out is a usage error.
func TestExitCodes(t *testing.T) {
	recording, ns := "watch/testdata/life.jsonl", generatorNS(t).Path()
	top := t.TempDir()
	for _, words := range exitCodes(t) {
		dir, err := os.MkdirTemp(top, "")
		if err != nil {
			t.Fatal(err)
		}
		place := strings.NewReplacer("DIR", dir, "REC", recording, "NS", ns)
		args := make([]string, len(words)-1)
		for i, w := range words[1:] {
			args[i] = place.Replace(w)
		}
		got := call(t.Context(), cli.Console{LabelFile: "testdata/none.conf"}, args...)
		want := words[0]
		if names, _ := leftOut(); names != nil && !included(args) {
			want = "2"
		}
		if code := string(rune('0' + got.code)); code != want {
			t.Errorf("natlens %s: exit code %s, want %s; %s", strings.Join(words[1:], " "), code, want, got.stderr.String())
		}
	}
}

// included reports whether this build has the command and the long flags of a command line.
func included(args []string) bool {
	args = slices.DeleteFunc(slices.Clone(args), func(word string) bool { return word == "help" || word == "--help" })
	root := newRoot(cli.Console{})
	cmd, rest, err := root.Find(args)
	switch {
	case err == nil && cmd.HasParent(), len(args) == 0:
	case strings.HasPrefix(args[0], "--"):
		cmd, rest = root, args
	default: // conntrack(8)'s command lines are in every build
		return strings.HasPrefix(args[0], "-")
	}
	return !slices.ContainsFunc(rest, func(word string) bool {
		name, long := strings.CutPrefix(word, "--")
		name, _, _ = strings.Cut(name, "=")
		return long && name != "" && cmd.Flag(name) == nil
	})
}

// TestExitCodesAreComplete checks that the table has a line for every flag of every
// command.
func TestExitCodesAreComplete(t *testing.T) {
	lines := exitCodes(t)
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		path := strings.Fields(cmd.CommandPath())[1:]
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !hasFlag(lines, path, "--"+f.Name) {
				t.Errorf("testdata/exitcodes.txt: %s --%s is missing", cmd.CommandPath(), f.Name)
			}
		})
		for _, c := range cmd.Commands() {
			check(c)
		}
	}
	check(newRoot(cli.Console{}))
}

// hasFlag reports whether a line is for the command and has the flag.
func hasFlag(lines [][]string, path []string, flag string) bool {
	for _, words := range lines {
		words = words[1:]
		if len(words) < len(path) || strings.Join(words[:len(path)], " ") != strings.Join(path, " ") {
			continue
		}
		for _, w := range words {
			if name, _, _ := strings.Cut(w, "="); name == flag {
				return true
			}
		}
	}
	return false
}
