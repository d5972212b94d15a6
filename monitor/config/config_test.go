package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
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
	for text, want := range map[string]string{
		"theme = \"dark\"\ntheme = \"light\"\n": ":2: key theme is already defined",
		"a = 1\nb = \n":                         ":2: unexpected character U+000A at start of value",
		"[watch\n":                              ":1: expected ']' to close table name",
		"\n[[views]]\na = 1\n":                  ":2: views: write [views] with single brackets: no table is a list",
		strings.Repeat("#", maxSize+1):          ": must be a regular file of at most 1.0 MiB",
	} {
		path := file(t, text)
		if _, err := Load("", path); err == nil || err.Error() != path+want {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
	s := Setting{Path: []string{"keys", "fliter"}, File: "f", Line: 3}
	if got, want := s.Unknown("filter", "sort").Error(), "f:3: keys.fliter: unknown key \"fliter\": did you mean filter?"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.Path[1] = "xyz"
	if got, want := s.Unknown("filter", "sort").Error(), "f:3: keys.xyz: unknown key \"xyz\": it is one of filter, sort"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.Value = []any{"a"}
	if _, err := s.Text(); err == nil || err.Error() != "f:3: keys.xyz: must be a single value, not a list" {
		t.Errorf("a list: %v", err)
	}
}

// A file that another user can change is refused, as is what is not a file.
func TestRefused(t *testing.T) {
	if !checksMode {
		t.Skip("this platform has no modes")
	}
	for _, mode := range []os.FileMode{0o620, 0o602, 0o666} {
		path := file(t, "theme = 'dark'\n")
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load("", path)
		if err == nil || !strings.HasSuffix(err.Error(), "so other users can change it: chmod go-w "+path) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := Load("", t.TempDir()); err == nil || !strings.Contains(err.Error(), "must be a regular file") {
		t.Errorf("a directory: %v", err)
	}
	if os.Geteuid() == 0 {
		path := file(t, "")
		if err := os.Chown(path, 12345, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := Load("", path); err == nil || !strings.HasSuffix(err.Error(), "belongs to another user: it must belong to you or to root") {
			t.Errorf("of another user: %v", err)
		}
	}
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

// Save replaces the table, and nothing else.
func TestSave(t *testing.T) {
	table := []string{"views", "my web"}
	keys := []Key{{"page", "flows"}, {"columns", []string{"proto", "flow"}}}
	added := "[views.'my web']\npage = 'flows'\ncolumns = ['proto', 'flow']"
	for _, c := range []struct{ before, after, removed string }{
		{"", added + "\n", "\n"},
		{"# mine\ntheme = 'dark' # always\n\n", "# mine\ntheme = 'dark' # always\n\n" + added + "\n", "# mine\ntheme = 'dark' # always\n"},
		{
			"a = 1\n\n  [views.\"my web\"] # here\n\tfilter = 'tcp'\npage = [\n 'top', # gone\n ] # gone\n\n# stays\n[watch]\nquiet = true",
			"a = 1\n\n" + added + "\n\n# stays\n[watch]\nquiet = true", "a = 1\n\n\n\n# stays\n[watch]\nquiet = true",
		},
		{"[views.'my web']", added, ""},
		{"[views.'my web']\n[views.b]\npage = 'nat'\n", added + "\n[views.b]\npage = 'nat'\n", "\n[views.b]\npage = 'nat'\n"},
	} {
		for i, want := range []string{c.after, c.removed} {
			cfg := Config{User: file(t, c.before)}
			if err := cfg.Save(table, keys[:len(keys)*(1-i)]...); err != nil {
				t.Errorf("%q: %v", c.before, err)
				continue
			}
			got, err := os.ReadFile(cfg.User)
			if string(got) != want || err != nil {
				t.Errorf("%q: %v\ngot  %q\nwant %q", c.before, err, got, want)
			}
		}
	}
	inline := "views = { 'my web' = { page = 'top' } }\n"
	cfg := Config{User: file(t, inline)}
	want := cfg.User + ": this table cannot be replaced: [views.'my web']"
	if err := cfg.Save(table, keys...); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if got, _ := os.ReadFile(cfg.User); string(got) != inline {
		t.Errorf("changed to %q", got)
	}
	if err := new(Config).Save(table, keys...); err == nil {
		t.Error("without a file nothing can be saved")
	}
}

// A new file and its directory are private; a link stays one.
func TestSaveFiles(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{User: filepath.Join(dir, "natlens", "config.toml")}
	if err := cfg.Save([]string{"columns"}, Key{"flows", []string{"flow"}}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(cfg.User); err != nil || checksMode && info.Mode() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	link := Config{User: filepath.Join(dir, "link")}
	if err := os.Symlink(cfg.User, link.User); err != nil {
		t.Skip(err)
	}
	if err := link.Save([]string{"columns"}, Key{"flows", []string{"proto", "flow"}}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(cfg.User)
	if want := "[columns]\nflows = ['proto', 'flow']\n"; string(got) != want || err != nil {
		t.Errorf("%q %v, want %q", got, err, want)
	}
	if names, _ := os.ReadDir(filepath.Dir(cfg.User)); len(names) != 1 {
		t.Errorf("files are left: %v", names)
	}
}

// Any text is settings or an error, and a valid file is still one after an edit.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"theme = 'dark'\n[watch]\na.b = [1, 'x']\n", "[views.'x y']\nv = { a = 1, b = {} }\n", "[[a]]\n", "a = 1979-05-27\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		before, err := parse("f", []byte(text))
		if err != nil {
			return
		}
		for i := range before {
			_, _ = before[i].Texts()
		}
		table, keys := []string{"views", "x y"}, []Key{{"page", "flows"}}
		edited := edit([]byte(text), before, table, keys)
		if after, err := parse("f", edited); err == nil {
			keeps(before, after, table, keys)
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
