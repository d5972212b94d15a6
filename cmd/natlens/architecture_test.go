package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// house is the top of the module, seen from this package.
const house = "../.."

// arrow lets the files of a room that match import what begins with path.
type arrow struct {
	files string // as path.Match has it; "" is every file
	path  string
}

// rooms are the module's packages and what each may import beside the standard
// library. "…" as a path lets a room import everything. A package belongs to the
// longest of these that it lies in.
var rooms = map[string][]arrow{
	"monitor":           nil,
	"monitor/filter":    {{"", "natlens/monitor"}},
	"monitor/ctnetlink": {{"", "natlens/monitor"}},
	"monitor/kernel": {
		{"", "natlens/monitor"}, {"", "natlens/monitor/filter"}, {"", "natlens/monitor/ctnetlink"}, {"", "natlens/monitor/netns"},
		{"", "github.com/ti-mo/conntrack"}, {"", "github.com/ti-mo/netfilter"}, {"", "github.com/mdlayher/netlink"},
		{"", "github.com/cilium/ebpf/…"}, {"", "golang.org/x/net/bpf"}, {"", "golang.org/x/sys/unix"},
	},
	"monitor/netns":    {{"", "natlens/monitor"}, {"", "golang.org/x/sys/unix"}},
	"monitor/human":    nil,
	"monitor/doctor":   {{"", "natlens/monitor"}, {"", "natlens/monitor/human"}},
	"monitor/findings": {{"", "natlens/monitor"}},
	"monitor/replay":   {{"", "natlens/monitor"}},
	"monitor/lab": {
		{"", "natlens/monitor"}, {"", "github.com/vishvananda/…"}, {"", "github.com/google/nftables/…"}, {"", "golang.org/x/sys/unix"},
	},
	"export": {
		{"", "natlens/monitor"}, {"", "natlens/monitor/replay"}, {"", "natlens/export/text"}, {"", "natlens/export/jsonl"},
		{"", "natlens/export/pcapng"}, {"", "natlens/export/conntrack"}, {"", "natlens/export/csv"}, {"", "natlens/export/pretty"},
	},
	"export/text":      {{"", "natlens/monitor"}},
	"export/jsonl":     {{"", "natlens/monitor"}, {"", "natlens/monitor/replay"}, {"", "natlens/export/text"}},
	"export/conntrack": {{"", "natlens/monitor"}, {"", "natlens/export/text"}},
	"export/csv":       {{"", "natlens/monitor"}, {"", "natlens/export/text"}},
	"export/pcapng": {
		{"", "natlens/monitor"}, {"", "natlens/monitor/ctnetlink"}, {"", "natlens/monitor/replay"}, {"", "natlens/export/text"},
		{"", "natlens/export/jsonl"},
	},
	"export/pretty": {
		{"", "natlens/monitor"}, {"", "natlens/monitor/human"}, {"", "natlens/export/text"}, {"", "charm.land/lipgloss/v2"},
	},
	"export/metrics": {{"", "natlens/monitor"}, {"", "github.com/prometheus/client_golang/…"}},
	"export/history": {
		{"", "natlens/monitor"}, {"sqlite.go", "modernc.org/sqlite"}, {"sqlite.go", "modernc.org/sqlite/lib"}, {"sqlite.go", "modernc.org/libc"},
		{"parquet*.go", "github.com/parquet-go/parquet-go"},
	},
	"tui": {
		{"", "natlens/monitor"}, {"", "natlens/monitor/filter"}, {"", "natlens/monitor/human"}, {"", "natlens/tui/…"},
		{"", "charm.land/…"}, {"", "github.com/charmbracelet/…"},
	},
	"cmd": {{"", "…"}},
}

// TestArrows holds every file of the module, of whatever platform, to what its
// room may import. Tests are free, but for cmd, which nothing imports.
func TestArrows(t *testing.T) {
	files := sourceFiles(t)
	seen := map[string]bool{}
	for _, file := range files {
		room := roomOf(file)
		if room == "" {
			t.Errorf("%s lies in no room that the design knows", file)
			continue
		}
		seen[room] = true
		for _, wrong := range wrongImports(room, file, importsOf(t, file)) {
			t.Error(wrong)
		}
	}
	for _, room := range []string{"monitor", "monitor/filter", "monitor/ctnetlink", "monitor/kernel", "monitor/lab", "export", "tui", "cmd"} {
		if !seen[room] {
			t.Errorf("no file of %s was looked at", room)
		}
	}
}

// TestArrowsAreHeld shows that an arrow in the wrong direction is found.
func TestArrowsAreHeld(t *testing.T) {
	for _, c := range []struct{ file, imported, want string }{
		{"monitor/table.go", "strings", ""},
		{"monitor/table.go", "golang.org/x/sys/unix", "monitor/table.go imports golang.org/x/sys/unix: monitor may not"},
		{"monitor/filter/lex.go", "natlens/monitor", ""},
		{"monitor/filter/lex.go", "natlens/monitor/kernel", "monitor/filter/lex.go imports natlens/monitor/kernel: monitor/filter may not"},
		{"monitor/kernel/ring.go", "github.com/cilium/ebpf/asm", ""},
		{"monitor/kernel/ring.go", "github.com/cilium/ebpfx", "monitor/kernel/ring.go imports github.com/cilium/ebpfx: monitor/kernel may not"},
		{"export/pretty/pens.go", "charm.land/lipgloss/v2", ""},
		{"export/csv/writer.go", "charm.land/lipgloss/v2", "export/csv/writer.go imports charm.land/lipgloss/v2: export/csv may not"},
		{"export/csv/writer.go", "natlens/tui", "export/csv/writer.go imports natlens/tui: export/csv may not"},
		{"tui/paint/line.go", "natlens/export", "tui/paint/line.go imports natlens/export: tui may not"},
		{"tui/model_test.go", "natlens/export", ""},
		{"tui/model_test.go", "natlens/cmd/natlens", "tui/model_test.go imports natlens/cmd/natlens: nothing imports cmd"},
		{"cmd/natlens/main.go", "natlens/export", ""},
	} {
		got := strings.Join(wrongImports(roomOf(c.file), c.file, []string{c.imported}), "\n")
		if got != c.want {
			t.Errorf("%s with %s: got %q, want %q", c.file, c.imported, got, c.want)
		}
	}
}

// TestRoomsAreTold holds the table of docs/architecture.md to the rooms that there are,
// and to what they import of each other.
func TestRoomsAreTold(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(house, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	for room, arrows := range rooms {
		if room == "cmd" {
			continue
		}
		_, row, ok := strings.Cut(string(text), "\n| `"+room+"` | ")
		if !ok {
			t.Errorf("%s is not told of", room)
			continue
		}
		row, _, _ = strings.Cut(row, "\n")
		for _, a := range arrows {
			if name, ours := strings.CutPrefix(a.path, "natlens/"); ours && !strings.Contains(row, "`"+path.Base(name)+"`") && !strings.Contains(row, "`"+name+"`") {
				t.Errorf("%s imports %s, and is not told to", room, name)
			}
		}
	}
}

// TestTopLevel holds the top of the module to the entries that the design names.
func TestTopLevel(t *testing.T) {
	allowed := []string{"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "cmd", "docs", "export", "go.mod", "go.sum", "monitor", "tui"}
	ignored := ignoredByGit(t)
	entries, err := os.ReadDir(house)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case slices.Contains(allowed, name), ignored(name):
		case strings.HasPrefix(name, ".") && (e.IsDir() || name == ".gitignore" || name == ".git"):
		default:
			t.Errorf("%s has no place at the top level", name)
		}
	}
}

// ignoredByGit reads the names at the top level that .gitignore lists: what
// builds leave there.
func ignoredByGit(t *testing.T) func(name string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(house, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	return func(name string) bool {
		return slices.ContainsFunc(lines, func(pattern string) bool {
			match, err := path.Match(strings.Trim(pattern, "/"), name)
			return err == nil && match
		})
	}
}

// sourceFiles lists the module's Go files by their path from its top.
func sourceFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS(house), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && name != "." && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case !e.IsDir() && strings.HasSuffix(name, ".go"):
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(house, file), nil, parser.ImportsOnly)
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

// roomOf returns the room that a file lies in, "" if it lies in none.
func roomOf(file string) string {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if _, ok := rooms[dir]; ok {
			return dir
		}
	}
	return ""
}

// wrongImports tells what a file imports that its room may not.
func wrongImports(room, file string, imports []string) (wrong []string) {
	for _, p := range imports {
		if p == "natlens/cmd" || strings.HasPrefix(p, "natlens/cmd/") {
			wrong = append(wrong, fmt.Sprintf("%s imports %s: nothing imports cmd", file, p))
			continue
		}
		standard := !strings.Contains(strings.Split(p, "/")[0], ".") && !strings.HasPrefix(p, "natlens/")
		if standard || strings.HasSuffix(file, "_test.go") || slices.ContainsFunc(rooms[room], func(a arrow) bool { return a.allows(file, p) }) {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%s imports %s: %s may not", file, p, room))
	}
	return wrong
}

func (a arrow) allows(file, imported string) bool {
	if a.files != "" {
		if match, err := path.Match(a.files, path.Base(file)); err != nil || !match {
			return false
		}
	}
	stem, deep := strings.CutSuffix(a.path, "…")
	return imported == strings.TrimSuffix(stem, "/") || deep && strings.HasPrefix(imported, stem)
}
