//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"natlens/monitor/filter"
)

// tableLetters are the columns of the table of flags and commands; with -C and -S
// conntrack(8) takes none.
const tableLetters = "LEDUGIAF"

// flagTable is the table of docs/conntrack.md: a row for each set of commands, with
// the flags that conntrack(8) takes with these.
func flagTable() (rows []string) {
	type row struct{ flags, commands string }
	var table []row
	add := func(name string, takes func(letter byte) bool) {
		commands := ""
		for _, letter := range []byte(tableLetters) {
			cell := " |"
			if takes(letter) {
				cell = " ✓ |"
			}
			commands += cell
		}
		for i := range table {
			if table[i].commands == commands {
				table[i].flags += " `" + name + "`"
				return
			}
		}
		table = append(table, row{"`" + name + "`", commands})
	}
	for _, def := range filter.Flags() {
		add("--"+def.Name, func(letter byte) bool { return legal(letter, &def) || letter == 'F' && def.Name == "family" })
	}
	for _, f := range []struct{ name, letters string }{
		{"--labelmap", labelMapLegal}, {"--output", "LEDUG"}, {"--zero", "L"}, {"--buffer-size", "E"}, {"--secmark", "LE"},
		{"--label-add", "UIA"}, {"--label-del", "U"}, {"--nat-range", tableLetters},
	} {
		add(f.name, func(letter byte) bool { return strings.IndexByte(f.letters, letter) >= 0 })
	}
	for _, r := range table {
		rows = append(rows, "| "+r.flags+" |"+r.commands)
	}
	return rows
}

// TestConntrackDocs holds docs/conntrack.md to the table, and to each option of
// conntrack(8)'s man page.
func TestConntrackDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(house, "docs/conntrack.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range flagTable() {
		if !strings.Contains(string(page), row+"\n") {
			t.Errorf("docs/conntrack.md has no row\n%s", row)
		}
	}
	for _, flag := range append(everyFlag, "--label", "--label-add", "--label-del", "--labelmap") {
		for _, name := range regexp.MustCompile(`--[a-z][a-z0-9-]+`).FindAllString(flag, -1) {
			group := regexp.MustCompile(`^(--(?:tuple|mask)-(?:port|key)-|--icmpv6-).*`).ReplaceAllString(name, "$1")
			if name != "--frobnicate" && !regexp.MustCompile(regexp.QuoteMeta(group)+`([^a-z0-9-]|…|$)`).Match(page) {
				t.Errorf("docs/conntrack.md does not name %s", name)
			}
		}
	}
}
