//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/cmd/natlens/cli"
)

// TestHelpFits writes the help of every command at several widths: no line is
// wider, and every flag that is not hidden is named.
func TestHelpFits(t *testing.T) {
	for _, width := range []int{60, 80, 120} {
		eachCommand(newRoot(cli.Console{}), func(cmd *cobra.Command) {
			text := cli.Help(cmd, width)
			for line := range strings.Lines(text) {
				// An example is a command line: who breaks it breaks it.
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width && !strings.Contains(cmd.Example, strings.TrimSpace(line)) {
					t.Errorf("%s --help: %d columns, wanted %d: %q", cmd.CommandPath(), n, width, line)
				}
			}
			if cmd.IsAdditionalHelpTopicCommand() {
				return // has no flags of its own
			}
			cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
				if named := regexp.MustCompile(`--` + f.Name + `([^\w-]|$)`).MatchString(text); named == f.Hidden {
					t.Errorf("%s --help at %d columns: --%s is named: %t, hidden: %t", cmd.CommandPath(), width, f.Name, named, f.Hidden)
				}
			})
		})
	}
}

// TestExamplesFit holds the examples to 80 columns.
func TestExamplesFit(t *testing.T) {
	eachCommand(newRoot(cli.Console{}), func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > 80 {
				t.Errorf("%s: %s", cmd.CommandPath(), line)
			}
		}
	})
}

// TestHelpIsOnePlace expects the same page in all the ways to ask for it, and
// nothing on standard error.
func TestHelpIsOnePlace(t *testing.T) {
	for _, ways := range [][]string{
		{"--help", "-h", "help"},
		{"watch --help", "help watch", "watch -h dport 443", "-E --help"},
		{"help filters", "filters", "filters --help"},
		{"version", "--version", "-V"},
	} {
		want := call(t.Context(), cli.Console{}, strings.Fields(ways[0])...).stdout.String()
		if want == "" {
			t.Errorf("natlens %s prints nothing", ways[0])
		}
		for _, way := range ways {
			got := call(t.Context(), cli.Console{}, strings.Fields(way)...)
			if got.code != 0 || got.stdout.String() != want || got.stderr.String() != "" {
				t.Errorf("natlens %s: code %d, standard error %q, %s", way, got.code, got.stderr.String(), firstDifference(got.stdout.String(), want))
			}
		}
	}
}

// TestHelpGroups holds the order of watch's help.
func TestHelpGroups(t *testing.T) {
	text := call(t.Context(), cli.Console{}, "watch", "--help").stdout.String()
	headings := regexp.MustCompile(`(?m)^\S.*:$`).FindAllString(text, -1)
	want := "Usage:|Examples:|Flags:|Output:|Kernel:|Flags of conntrack(8):"
	if got := strings.Join(headings, "|"); got != want {
		t.Errorf("headings %s\nwant     %s", got, want)
	}
}

// TestFiltersTopic expects words, fields and flags with what they mean.
func TestFiltersTopic(t *testing.T) {
	text := call(t.Context(), cli.Console{}, "help", "filters").stdout.String()
	for _, want := range []string{
		"\n  reply.dport    destination port, reply direction\n",
		"\n  assured            assured\n",
		"\n  -p, --proto PROTO                 layer 4 protocol, by name or number\n",
		"\n  -n, --src-nat [ADDR[:PORT]]       source is rewritten, or to this\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no line %q", want)
		}
	}
}

// TestTopicsAreComplete expects every member of docs/json.md and every metric of docs/metrics.md in help.
func TestTopicsAreComplete(t *testing.T) {
	for _, c := range []struct{ topic, page, end, name string }{
		{"json", "json.md", "## Several gateways", `[a-z_]+`},
		{"metrics", "metrics.md", "## Times", `natlens_[a-z_]+`},
	} {
		page, err := os.ReadFile(filepath.Join(moduleTop, "docs", c.page))
		if err != nil {
			t.Fatal(err)
		}
		tables, _, found := strings.Cut(string(page), c.end)
		text, n := call(t.Context(), cli.Console{}, "help", c.topic).stdout.String(), 0
		for _, row := range regexp.MustCompile(`(?m)^\| (`+"`[^|]*`"+`) \|`).FindAllStringSubmatch(tables, -1) {
			for _, m := range regexp.MustCompile("`("+c.name+")`").FindAllStringSubmatch(row[1], -1) {
				n++
				if !regexp.MustCompile(`(?m)^  (\w+, )*` + m[1] + `\b`).MatchString(text) {
					t.Errorf("natlens help %s has no line of %s", c.topic, m[1])
				}
			}
		}
		if !found || n < 25 {
			t.Errorf("%s: %d names before %q", c.page, n, c.end)
		}
	}
}

func TestVersion(t *testing.T) {
	text := call(t.Context(), cli.Console{}, "version").stdout.String()
	if !regexp.MustCompile(`^natlens \S+ linux/\w+ go1\.\d+\S*\n$`).MatchString(text) {
		t.Errorf("got %q", text)
	}
}

func eachCommand(cmd *cobra.Command, f func(*cobra.Command)) {
	cmd.InitDefaultHelpFlag()
	f(cmd)
	for _, sub := range cmd.Commands() {
		eachCommand(sub, f)
	}
}
