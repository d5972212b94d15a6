//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/golden"
	"natlens/monitor/lab/labtest"
)

// TestManualPages compares the pages of natlens man with the commands, and with -update writes them.
func TestManualPages(t *testing.T) {
	written := map[string]bool{}
	eachCommand(newRoot(cli.Console{}), func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "help" {
			return
		}
		name, page := manualPage(t, cmd)
		path := filepath.Join("man", "pages", name)
		written[name] = true
		if *golden.Update {
			if err := os.WriteFile(path, page, 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, page) {
			t.Errorf("%s is not what the commands say: go generate ./cmd/natlens/man (%v)", path, err)
		}
	})
	entries, err := os.ReadDir(filepath.Join("man", "pages"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !written[e.Name()] {
			t.Errorf("man/pages/%s: there is no such command", e.Name())
		}
	}
}

// manualPage is the page of a command or of a topic, without a date.
func manualPage(t *testing.T, cmd *cobra.Command) (name string, page []byte) {
	t.Helper()
	name, section := strings.ReplaceAll(cmd.CommandPath(), " ", "-"), "1"
	all := topics()
	if i := slices.IndexFunc(all, func(topic cli.Topic) bool { return topic.Name == cmd.Name() }); i >= 0 {
		section = "7"
		cmd = &cobra.Command{Use: name, Short: all[i].Short, Long: "```\n" + cli.Help(cmd, all, 72) + "```"}
	}
	var b bytes.Buffer
	header := &doc.GenManHeader{Title: strings.ToUpper(name), Section: section, Date: &time.Time{}, Source: "natlens", Manual: "natlens"}
	if err := doc.GenMan(cmd, header, &b); err != nil {
		t.Fatal(err)
	}
	page = bytes.Replace(b.Bytes(), []byte(`"Jan 0001"`), []byte(`""`), 1)
	if section == "7" {
		page = regexp.MustCompile(`(?s)\.SH SYNOPSIS\n.*?(\.SH )`).ReplaceAll(page, []byte("$1"))
	}
	return fmt.Sprintf("%s.%s", name, section), page
}

// TestManualRenders has the programs that render manuals read the longest pages, with all their warnings.
func TestManualRenders(t *testing.T) {
	for _, r := range [][]string{{"groff", "-man", "-t", "-k", "-Tutf8", "-ww", "-z"}, {"mandoc", "-Tlint", "-Werror"}} {
		if _, ok := labtest.Have(t, r[0]); !ok {
			continue
		}
		for _, words := range []string{"", "watch", "filters", "conntrack", "expect create"} {
			cmd := exec.CommandContext(t.Context(), r[0], r[1:]...)
			cmd.Stdin = strings.NewReader(call(t.Context(), cli.Console{}, append([]string{"man"}, strings.Fields(words)...)...).stdout.String())
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

// TestManual checks that the pages have what users need.
func TestManual(t *testing.T) {
	for words, want := range map[string]string{
		"":          "natlens-watch(1)",
		"watch":     "--explain-filter",
		"filters":   "reply.dport",
		"files":     "NO_COLOR",
		"conntrack": "--dump",
	} {
		got := call(t.Context(), cli.Console{}, append([]string{"man"}, strings.Fields(words)...)...)
		if page := strings.NewReplacer(`\fB`, "", `\fP`, "").Replace(got.stdout.String()); got.code != 0 || !strings.Contains(page, want) {
			t.Errorf("man %s: code %d, without %q", words, got.code, want)
		}
	}
}
