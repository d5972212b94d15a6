//go:build linux

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/classic"
	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/export/conntrack"
	"natlens/monitor/filter"
	"natlens/monitor/lab"
)

// manWords are the words of "natlens man" for each page that there is.
func manWords() (pages [][]string) {
	eachCommand(newRoot(cli.Console{}, false), func(cmd *cobra.Command) {
		pages = append(pages, strings.Fields(strings.TrimPrefix(cmd.CommandPath(), "natlens")))
	})
	return pages
}

// requests are the lines of a page that are roff's own, whole or to their first
// blank.
var requests = []string{".TH", ".nh", ".ad", ".SH", ".SS", ".PP", ".TP", ".EX", ".EE", ".PD"}

// TestManPages holds every page to the macros that both groff and mandoc have, to
// ASCII, and to one title.
func TestManPages(t *testing.T) {
	for _, words := range manWords() {
		got := call(t.Context(), cli.Console{}, append([]string{"man"}, words...)...)
		page := got.stdout.String()
		if got.code != 0 || got.stderr.String() != "" || !strings.HasPrefix(page, ".TH NATLENS") || strings.Count(page, ".TH ") != 1 {
			t.Fatalf("man %q: code %d, %s%.80s", words, got.code, got.stderr.String(), page)
		}
		if strings.Count(page, ".EX") != strings.Count(page, ".EE") {
			t.Errorf("man %q: an example does not end", words)
		}
		for line := range strings.Lines(page) {
			request, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			if (line[0] == '.' || line[0] == '\'') && !slices.Contains(requests, request) {
				t.Errorf("man %q: %q is no request of the pages", words, line)
			}
			if strings.ContainsFunc(line, func(r rune) bool { return r > '~' || r < ' ' && r != '\n' }) {
				t.Errorf("man %q: %q is not ASCII", words, line)
			}
		}
		if again := call(t.Context(), cli.Console{}, append([]string{"man"}, words...)...); again.stdout.String() != page {
			t.Errorf("man %q: %s", words, firstDifference(page, again.stdout.String()))
		}
	}
}

// undated is what mandoc says of a page that bears no date: a test binary does not
// know what it was built from.
var undated = regexp.MustCompile(`(?m)^mandoc: <stdin>:1:\d+: WARNING: missing date, using "": TH\n`)

// TestManRenders has the programs that render manuals read the longest pages, with
// all their warnings.
func TestManRenders(t *testing.T) {
	renderers := [][]string{{"groff", "-man", "-Tutf8", "-ww", "-z"}, {"mandoc", "-Tlint", "-Wwarning"}}
	for _, r := range renderers {
		if _, ok := lab.Have(t, r[0]); !ok {
			continue
		}
		for _, words := range [][]string{nil, {"watch"}, {"filters"}, {"expect"}} {
			cmd := exec.CommandContext(t.Context(), r[0], r[1:]...)
			cmd.Stdin = strings.NewReader(call(t.Context(), cli.Console{}, append([]string{"man"}, words...)...).stdout.String())
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			err := cmd.Run()
			if _, told := errors.AsType[*exec.ExitError](err); err != nil && !told {
				t.Fatal(err)
			}
			if text := undated.ReplaceAllString(said.String(), ""); text != "" {
				t.Errorf("%s of man %q:\n%s", r[0], words, text)
			}
		}
	}
}

// TestManDate expects the day of the commit on a page, and mandoc to have nothing
// against it.
func TestManDate(t *testing.T) {
	for _, tt := range []struct{ key, value, want string }{
		{"vcs.time", "2026-11-27T03:28:14Z", "2026-11-27"},
		{"vcs.time", "2026-11-27T03:28:14+09:00", "2026-11-26"},
		{"vcs.time", "yesterday", ""},
		{"vcs.revision", "2026-11-27T03:28:14Z", ""},
	} {
		info := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "-compiler", Value: "gc"}, {Key: tt.key, Value: tt.value}}}
		if got := committed(info, true); got != tt.want {
			t.Errorf("%s=%s: %q, want %q", tt.key, tt.value, got, tt.want)
		}
	}
	if got := committed(nil, false); got != "" {
		t.Errorf("a build that knows nothing is of %q", got)
	}
	page := manPage(newRoot(cli.Console{}, false), "2026-11-27")
	if want := ".TH NATLENS 1 \"2026-11-27\" \"natlens"; !strings.HasPrefix(page, want) {
		t.Errorf("the page begins with %.60q, want %q", page, want)
	}
	if _, ok := lab.Have(t, "mandoc"); !ok {
		return
	}
	cmd := exec.CommandContext(t.Context(), "mandoc", "-Tlint", "-Wwarning")
	cmd.Stdin = strings.NewReader(page)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("mandoc: %v: %s", err, said)
	}
}

// plainRoff is a page without its marks.
func plainRoff(page string) string {
	page = regexp.MustCompile(`\\f[BIR]|\\&`).ReplaceAllString(page, "")
	return strings.NewReplacer(`\-`, "-", `\(aq`, "'", `\(dq`, `"`, `\(ti`, "~", `\(ha`, "^", `\e`, `\`).Replace(page)
}

// TestManIsWhole expects in natlens(1) every command, every flag that help shows,
// every word of a filter, format, modifier and letter.
func TestManIsWhole(t *testing.T) {
	page := plainRoff(call(t.Context(), cli.Console{}, "man").stdout.String())
	lines := strings.Split(page, "\n")
	want := func(what, line string) {
		if !slices.ContainsFunc(lines, func(l string) bool {
			return l == line || strings.HasPrefix(l, line) && strings.ContainsRune(" [|,", rune(l[len(line)]))
		}) {
			t.Errorf("%s: natlens(1) has no line %q", what, line)
		}
	}
	for _, cmd := range allCommands(newRoot(cli.Console{}, false)) {
		want("synopsis", cmd.CommandPath())
		for _, f := range ownFlags(cmd) {
			if f.Shorthand == "" {
				want(cmd.CommandPath(), "--"+f.Name)
			} else {
				want(cmd.CommandPath(), "-"+f.Shorthand+", --"+f.Name)
			}
		}
	}
	for _, def := range filter.Flags() {
		want("filter flags", strings.TrimSpace(cli.FlagNames(&def)))
	}
	for _, c := range filter.Complete("", 0) {
		if c.Text != "" && c.Kind != filter.CandidateOperator {
			want("filter", c.Text)
		}
	}
	for _, f := range export.Formats() {
		want("formats", f.Name)
	}
	for _, m := range conntrack.ModifierNames() {
		want("modifiers", m)
	}
	for _, c := range classic.Commands {
		want("letters", "-"+string(c.Letter)+", --"+c.Long[0])
	}
	for _, heading := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "COMMON OPTIONS", "OUTPUT FORMATS", "FILTERS",
		"CONNTRACK(8)", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"} {
		if strings.Count(page, "\n.SH \""+heading+"\"\n") != 1 {
			t.Errorf("natlens(1) has no section %s", heading)
		}
	}
}

// TestEnvironmentIsNamed expects every variable that the sources ask for in the
// table of the manual.
func TestEnvironmentIsNamed(t *testing.T) {
	table := cli.FilesTopic.Tables()[1]
	asked := regexp.MustCompile(`Getenv\("(\w+)"\)`)
	for _, file := range trackedFiles(t, "*.go") {
		if !strings.HasPrefix(file, "cmd/natlens/") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(top + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(text), -1) {
			if !slices.ContainsFunc(table.Rows, func(row [2]string) bool { return slices.Contains(strings.Split(row[0], ", "), m[1]) }) {
				t.Errorf("%s asks for $%s, which natlens help files does not name", file, m[1])
			}
		}
	}
}

// TestRoffText holds the marks that a shell or a reader would miss.
func TestRoffText(t *testing.T) {
	for text, want := range map[string]string{
		"--label-del":  `\-\-label\-del`,
		`a\b`:          `a\eb`,
		".TH x":        `\&.TH x`,
		"'x' `y`":      `\(aqx\(aq \(gay\(ga`,
		"a\n.b":        "a\n\\&.b",
		"FILE… 10 → 2": `FILE... 10 \[u2192] 2`,
	} {
		if got := roffText(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
