//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/golden"
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
	if cmd.IsAdditionalHelpTopicCommand() {
		section = "7"
		cmd = &cobra.Command{Use: name, Short: strings.TrimPrefix(cmd.Short, "(topic) "), Long: "```\n" + cli.Help(cmd, 72) + "```"}
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
