package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"natlens/monitor/golden"
)

// file writes a file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	system := file(t, "theme = \"light\"\n\n[watch]\noutput-format = \"csv\"\nkeep = [\"90d\", 9]\n")
	user := file(t, "# mine\n[watch]\n  output-format = 'jsonl'\nquiet = true\n[expect.list]\ncolumns = { a.b = 1.5 }\n")
	c, err := Load(system, user)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range c.Settings {
		line := strings.TrimPrefix(s.Errorf("is here").Error(), filepath.Dir(filepath.Dir(s.File)))
		if s.Value != nil {
			texts, err := s.Texts()
			if err != nil {
				t.Error(err)
			}
			line += " " + strings.Join(texts, "|")
		}
		got = append(got, line)
	}
	want := []string{
		"/001/config.toml:1: theme: is here light",
		"/001/config.toml:5: watch.keep: is here 90d|9",
		"/002/config.toml:2: watch: is here",
		"/002/config.toml:3: watch.output-format: is here jsonl",
		"/002/config.toml:4: watch.quiet: is here true",
		"/002/config.toml:5: expect.list: is here",
		"/002/config.toml:6: expect.list.columns.a.b: is here 1.5",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if in := c.In("watch"); len(in) != 3 || in[0].Name() != "watch.keep" {
		t.Errorf("In(watch) = %v", in)
	}
	if c, err := Load(filepath.Join(t.TempDir(), "none.toml"), ""); err != nil || len(c.Settings) > 0 {
		t.Errorf("without files: %v %v", c, err)
	}
}

// Errors name the file and the line.
func TestLoadErrors(t *testing.T) {
	for _, text := range []string{"theme = \"dark\"\ntheme = \"light\"\n", "a = 1\nb = \n", "[watch\n",
		"\n[[views]]\na = 1\n", strings.Repeat("#", maxSize+1)} {
		path := file(t, text)
		_, err := Load("", path)
		golden.Words(t, text[:min(len(text), 40)], strings.ReplaceAll(fmt.Sprint(err), path, "FILE"))
	}
	s := Setting{Path: []string{"keys", "fliter"}, File: "f", Line: 3}
	golden.Words(t, "a name that is near", s.Unknown("filter", "sort"))
	s.Path[1], s.Value = "xyz", []any{"a"}
	golden.Words(t, "another name", s.Unknown("filter", "sort"))
	_, err := s.Text()
	golden.Words(t, "a list", err)
}

// A file that another user can change is refused, as is what is not a file.
func TestRefused(t *testing.T) {
	if !checksMode {
		t.Skip("this platform has no modes")
	}
	refused := func(what, path string) {
		t.Helper()
		_, err := Load("", path)
		golden.Words(t, what, strings.ReplaceAll(fmt.Sprint(err), path, "FILE"))
	}
	for _, mode := range []os.FileMode{0o620, 0o602, 0o666} {
		path := file(t, "theme = 'dark'\n")
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		refused(fmt.Sprint(mode), path)
	}
	refused("a directory", t.TempDir())
	t.Run("of another user", func(t *testing.T) {
		path := file(t, "")
		if err := os.Chown(path, 12345, 0); err != nil {
			t.Skip(err)
		}
		_, err := Load("", path)
		golden.Words(t, "", strings.ReplaceAll(fmt.Sprint(err), path, "FILE"))
	})
}

func TestUserFile(t *testing.T) {
	for _, c := range []struct{ xdg, home, sudo, want string }{
		{"", "/home/a", "", "/home/a/.config/natlens/config.toml"},
		{"/x", "/home/a", "", "/x/natlens/config.toml"},
		{"x", "/home/a", "", "/home/a/.config/natlens/config.toml"},
		{"", "", "", ""},
		{"/x", "/home/a", "1000", "/root/.config/natlens/config.toml"},
	} {
		if c.sudo != "" && os.Geteuid() != 0 {
			c.want = "/x/natlens/config.toml"
		}
		env := map[string]string{"XDG_CONFIG_HOME": c.xdg, "HOME": c.home, "SUDO_UID": c.sudo}
		if got := UserFile(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%v: %q, want %q", env, got, c.want)
		}
	}
}

// Save sets and removes a table of views.toml, keeps its others, and changes no other file.
func TestSave(t *testing.T) {
	user := file(t, "[views.mine]\npage = 'nat'\n")
	c, err := Load("", user)
	if err != nil {
		t.Fatal(err)
	}
	views := map[string]any{"page": "flows", "columns": []string{"proto", "addresses"}}
	web := "[views]\n[views.'my web']\ncolumns = ['proto', 'addresses']\npage = 'flows'\n"
	for _, step := range []struct {
		keys  map[string]any
		table []string
		want  string
	}{
		{views, []string{"views", "my web"}, web},
		{map[string]any{"flows": []string{"proto"}}, []string{"columns"}, "[columns]\nflows = ['proto']\n\n" + web},
		{nil, []string{"columns"}, web},
		{nil, []string{"columns"}, web},
	} {
		if err := c.Save(step.keys, step.table...); err != nil {
			t.Error(step.table, err)
		}
		if got, err := os.ReadFile(c.Saved); string(got) != step.want || err != nil {
			t.Errorf("%v: %v\ngot  %q\nwant %q", step.table, err, got, step.want)
		}
	}
	err = c.Save(nil, "views", "mine")
	golden.Words(t, "saved in the user's file", strings.ReplaceAll(fmt.Sprint(err), user, "FILE"))
	if c, err = Load("", user); err != nil || len(c.In("views", "my web")) != 2 || len(c.In("views", "mine")) != 1 {
		t.Errorf("read again: %v %v", c, err)
	}
	if err := new(Config).Save(views, "views", "a"); err == nil {
		t.Error("without a file nothing can be saved")
	}
	if info, err := os.Stat(c.Saved); err != nil || checksMode && info.Mode() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if names, _ := os.ReadDir(filepath.Dir(user)); len(names) != 2 {
		t.Errorf("files are left: %v", names)
	}
}

// Any text is settings or an error.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"theme = 'dark'\n[watch]\na.b = [1, 'x']\n", "[views.'x y']\nv = { a = 1, b = {} }\n", "[[a]]\n", "a = 1979-05-27\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		settings, _ := parse("f", []byte(text))
		for i := range settings {
			_, _ = settings[i].Texts()
		}
	})
}

// TestHomeOfAnotherUser expects a file in a directory that the user cannot search to count as missing.
func TestHomeOfAnotherUser(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if cfg, err := Load(filepath.Join(dir, "system.toml"), filepath.Join(dir, "config.toml")); err != nil {
		t.Errorf("%+v, %v", cfg, err)
	}
}
