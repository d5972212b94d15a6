package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"natlens/monitor/lab/labtest"
)

// moduleTop is the top of the module, seen from this package.
const moduleTop = "../.."

// packageRow is one row of the table in docs/architecture.md. The rows are in
// layers: a package imports only packages of rows above its own.
type packageRow struct {
	dir     string   // "monitor/filter"
	imports []string // of the module by their folder, of others by path; "x/…" covers what is below x
}

// architecture reads the table of packages.
func architecture(t *testing.T) []packageRow {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleTop, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []packageRow
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 {
			continue
		}
		name := code(cells[1])
		if len(name) != 1 || name[0] == "package" {
			continue
		}
		rows = append(rows, packageRow{name[0], code(cells[3])})
	}
	if len(rows) < 10 {
		t.Fatalf("docs/architecture.md: %d rows of packages", len(rows))
	}
	return rows
}

// code returns the words of a Markdown text that are set in backticks.
func code(s string) (words []string) {
	for i, part := range strings.Split(s, "`") {
		if i%2 == 1 {
			words = append(words, part)
		}
	}
	return words
}

// TestArchitecture checks that the imports of every file, on every platform,
// are those that docs/architecture.md lists, that every import listed is used,
// and that all of them go upward in the table. Test files are free.
func TestArchitecture(t *testing.T) {
	rows := architecture(t)
	used := map[string]bool{}
	for _, file := range trackedFiles(t, "*.go") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, imported := range importsOf(t, file) {
			if err := mayImport(rows, file, imported, used); err != "" {
				t.Error(err)
			}
		}
	}
	for i, row := range rows {
		for _, imported := range row.imports {
			at := slices.IndexFunc(rows, func(r packageRow) bool { return r.dir == imported })
			if at > i {
				t.Errorf("docs/architecture.md: %s imports %s, which is below it in the table", row.dir, imported)
			}
			if !used[row.dir+" "+imported] {
				t.Errorf("docs/architecture.md: %s does not import %s", row.dir, imported)
			}
		}
	}
}

// mayImport returns why a file may not import a package, "" if it may, and notes
// the entry of the table that allows it.
func mayImport(rows []packageRow, file, imported string, used map[string]bool) string {
	name, ours := strings.CutPrefix(imported, "natlens/")
	if !ours && !strings.Contains(strings.Split(imported, "/")[0], ".") {
		return "" // the standard library
	}
	at := slices.IndexFunc(rows, func(r packageRow) bool { return r.dir == path.Dir(file) })
	if at < 0 {
		return fmt.Sprintf("%s: package %s is missing in docs/architecture.md", file, path.Dir(file))
	}
	for _, entry := range rows[at].imports {
		stem, deep := strings.CutSuffix(entry, "/…")
		if name == stem || deep && strings.HasPrefix(name, stem+"/") {
			used[rows[at].dir+" "+entry] = true
			return ""
		}
	}
	return fmt.Sprintf("%s imports %s, which docs/architecture.md does not list for %s", file, name, rows[at].dir)
}

// TestArchitectureIsHeld checks that a wrong import is found.
func TestArchitectureIsHeld(t *testing.T) {
	rows := architecture(t)
	for _, c := range []struct{ file, imported, want string }{
		{"monitor/event.go", "strings", ""},
		{"monitor/event.go", "golang.org/x/sys/unix",
			"monitor/event.go imports golang.org/x/sys/unix, which docs/architecture.md does not list for monitor"},
		{"monitor/filter/lex.go", "natlens/monitor", ""},
		{"monitor/filter/lex.go", "natlens/monitor/loop",
			"monitor/filter/lex.go imports monitor/loop, which docs/architecture.md does not list for monitor/filter"},
		{"tui/paint/line.go", "natlens/export", "tui/paint/line.go imports export, which docs/architecture.md does not list for tui/paint"},
		{"nowhere/x.go", "natlens/monitor", "nowhere/x.go: package nowhere is missing in docs/architecture.md"},
	} {
		if got := mayImport(rows, c.file, c.imported, map[string]bool{}); got != c.want {
			t.Errorf("%s with %s: got %q, want %q", c.file, c.imported, got, c.want)
		}
	}
}

// TestTopLevel checks the entries at the top of the module that git tracks.
func TestTopLevel(t *testing.T) {
	want := []string{"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "SECURITY.md",
		"cmd", "docs", "export", "go.mod", "go.sum", "monitor", "packaging", "tui"}
	for _, file := range trackedFiles(t) {
		name, _, _ := strings.Cut(file, "/")
		if !slices.Contains(want, name) && !strings.HasPrefix(name, ".") {
			t.Errorf("%s has no place at the top level", file)
		}
	}
}

// trackedFiles lists the module's files that git tracks, by their path from the
// top: files that a user keeps in a clone do not count.
func trackedFiles(t *testing.T, patterns ...string) []string {
	t.Helper()
	git := labtest.Need(t, "git")
	// The clone may be another user's.
	out, err := exec.Command(git, append([]string{"-c", "safe.directory=*", "-C", moduleTop, "ls-files", "--"}, patterns...)...).Output()
	if err != nil {
		t.Skip("needs a git clone: ", err)
	}
	var files []string
	for file := range strings.Lines(string(out)) {
		file = strings.TrimSuffix(file, "\n")
		if _, err := os.Stat(filepath.Join(moduleTop, file)); err == nil {
			files = append(files, file)
		}
	}
	return files
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(moduleTop, file), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}
