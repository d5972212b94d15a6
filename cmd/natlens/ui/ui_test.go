package ui

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/cli/clitest"
	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/loop"
)

// TestLabelNamesInUI expects the UI's first filter to know the names of labels,
// and the UI itself too; and where there are none, to say why.
func TestLabelNamesInUI(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connlabel.conf")
	if err := os.WriteFile(path, []byte("3 web\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	con := cli.Console{LabelFile: path, Getenv: func(string) string { return "" }}
	o := screen{con: con, filter: "label web", theme: "auto"}
	if err := o.check(); err != nil {
		t.Errorf("--filter 'label web': %v", err)
	}
	cfg := o.config(&loop.Loop{}, nil, nil)
	if _, err := cfg.Env.Parse("label web"); err != nil {
		t.Errorf("the UI's own filter: %v", err)
	}
	for _, filter := range []string{"label bogus", "label wbe"} {
		o := screen{con: con, filter: filter, theme: "auto"}
		golden.Words(t, filter, o.check())
	}
	o.con.LabelFile = "testdata/none.conf"
	golden.Words(t, "without the file: label web", o.check())
}

// TestFilterHistoryFollowsNoLink expects the file of filters to replace a link in its place, and to be in no directory of
// another user.
func TestFilterHistoryFollowsNoLink(t *testing.T) {
	home := t.TempDir()
	victim, file := filepath.Join(home, "victim"), filepath.Join(home, ".local/state/natlens/filters")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(victim, []byte("kept\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, file); err != nil {
		t.Fatal(err)
	}
	con := cli.Console{Getenv: func(name string) string { return map[string]string{"HOME": home}[name] }}
	h := newFilterHistory(con)
	if got := h.Lines(); got != nil {
		t.Errorf("a link was read: %q", got)
	}
	h.Add("tcp")
	h.Add("udp")
	text, err := os.ReadFile(victim)
	if err != nil || string(text) != "kept\n" {
		t.Errorf("the target of the link has %q, %v", text, err)
	}
	if got := h.Lines(); !slices.Equal(got, []string{"tcp", "udp"}) {
		t.Errorf("kept %q", got)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can make a home of another user")
	}
	if err := os.Chown(home, 1234, 1234); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(home, ".local")); err != nil {
		t.Fatal(err)
	}
	newFilterHistory(con).Add("tcp")
	if _, err := os.Lstat(filepath.Join(home, ".local")); err == nil {
		t.Error("root made .local in the home of another user")
	}
}

// An export of the UI makes a private file, and overwrites one only if asked to.
func TestExporter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flows.jsonl")
	for _, overwrite := range []bool{false, false, true} {
		_, before := os.Stat(path)
		sink, err := fileExporter{}.Create(path, overwrite)
		if refused := before == nil && !overwrite; refused != errors.Is(err, fs.ErrExist) {
			t.Fatalf("overwrite %t: %v", overwrite, err)
		} else if refused {
			continue
		}
		var b monitor.Batch
		b.Add().Kind = monitor.KindExisting
		if err := errors.Join(sink.Write(&b), sink.Close()); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		text, readErr := os.ReadFile(path)
		if err := errors.Join(err, readErr); err != nil || info.Mode() != 0o600 || strings.Count(string(text), "\n") != 1 {
			t.Errorf("mode %v, %v: %s", info.Mode(), err, text)
		}
	}
}

// A shell is offered what fits.
func TestCompletion(t *testing.T) {
	clitest.CheckCompletion(t, NewReplay, `
--filter|est → established
`)
	clitest.CheckCompletion(t, NewDemo, `
--theme| → auto dark light
--resolver| → system none
`)
}
