package ui

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"natlens/monitor/config"
	"natlens/tui/page"
)

// What the UI saves is read again; a view without a page is removed.
func TestSaver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "natlens", "config.toml")
	s := saver{cfg: &config.Config{Saved: filepath.Join(filepath.Dir(path), "views.toml")}}
	web := page.View{Name: "my web", Page: "flows", Filter: "tcp dport 443", Sort: "-bytes", Columns: []string{"addresses", "bytes:9"}}
	top := page.View{Name: "top", Page: "top", By: "dst > dport"}
	read := func() configured {
		t.Helper()
		cfg, err := config.Load("", path)
		if err != nil {
			t.Fatal(err)
		}
		set, err := readConfig(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	for _, err := range []error{s.SaveView(web), s.SaveView(top), s.SaveColumns([]string{"proto", "addresses"}), s.SaveView(web)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	set := read()
	if want := []page.View{web, top}; !reflect.DeepEqual(set.views, want) {
		t.Errorf("got  %+v\nwant %+v", set.views, want)
	}
	if len(set.columns) != 2 || set.columns[0].Name != "proto" {
		t.Errorf("columns %+v", set.columns)
	}
	for _, err := range []error{s.SaveView(page.View{Name: "top"}), s.SaveColumns(nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if set := read(); len(set.views) != 1 || set.columns != nil {
		t.Errorf("left: %+v", set)
	}
}

// The user's view replaces the system's, with all its keys.
func TestViewsOfBothFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg, err := config.Load(write("system", "[views.a]\nfilter = 'tcp'\npage = 'nat'\n[views.b]\nfilter = 'udp'\n"),
		write("user", "[views.a]\nsort = 'age'\n"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := readConfig(&cfg)
	want := []page.View{{Name: "a", Page: "flows", Sort: "age"}, {Name: "b", Page: "flows", Filter: "udp"}}
	if err != nil || !reflect.DeepEqual(set.views, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, set.views, want)
	}
}
