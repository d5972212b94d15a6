package ui

import (
	"os"
	"path/filepath"
	"testing"

	"natlens/cmd/natlens/cli"
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
	for filter, want := range map[string]string{
		"label bogus": "filter: column 7: bogus: not a label, such as web 5 {1,5}",
		"label wbe":   "filter: column 7: wbe: not a label; did you mean web?",
	} {
		o := screen{con: con, filter: filter, theme: "auto"}
		if err := o.check(); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", filter, err, want)
		}
	}
	o.con.LabelFile = "testdata/none.conf"
	const want = "filter: column 7: web: not a label: labels have no names here (open testdata/none.conf: no such file or directory), and numbers from 0 to 127"
	if err := o.check(); err == nil || err.Error() != want {
		t.Errorf("without the file: %v, want %s", err, want)
	}
}
