//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
)

// configured runs a command line with a configuration file of the user, and returns the file's path.
func configured(t *testing.T, file string, args ...string) (*called, string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "natlens", "config.toml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	c := new(called)
	con := cli.Console{Stdin: strings.NewReader(""), Stdout: &c.stdout, Stderr: &c.stderr,
		Getenv: func(name string) string { return map[string]string{"XDG_CONFIG_HOME": dir}[name] }}
	if os.Getenv("SUDO_UID") != "" {
		t.Setenv("SUDO_UID", "")
	}
	c.code = run(t.Context(), con, args)
	return c, path
}

// The files set any flag of any command; the command line overrides them, and command lines of
// conntrack(8) do not read them.
func TestConfigFlags(t *testing.T) {
	const rec = "watch/testdata/life.jsonl"
	file := "[watch]\noutput-format = 'csv'\nproto = 'udp'\nquiet = true\n[expect.list]\nfamily = 'ipv6'\n"
	for _, c := range []struct {
		args string
		want string // the beginning of standard output
		rest string // standard error
	}{
		{"watch --from " + rec, "time,time_source,", ""},
		{"watch --proto tcp -o conntrack --from " + rec, "    [NEW] ", ""},
		{"watch --quiet=false -o conntrack --from " + rec, "    [NEW] udp ", "natlens: 4 events, 1 shown, 0 lost\n"},
	} {
		got, _ := configured(t, file, strings.Fields(c.args)...)
		if out := got.stdout.String(); got.code != 0 || !strings.HasPrefix(out, c.want) || c.want == "" && out != "" ||
			got.stderr.String() != c.rest {
			t.Errorf("natlens %s: exit code %d, standard error %q, output %q", c.args, got.code, got.stderr.String(), out)
		}
	}
	for _, line := range []string{"-E --help", "--version", "help watch", "man", "completion bash", "-C"} {
		if got, _ := configured(t, "nonsense", strings.Fields(line)...); got.code == 2 || strings.Contains(got.stderr.String(), "config.toml") {
			t.Errorf("natlens %s: exit code %d, %s", line, got.code, got.stderr.String())
		}
	}
}

// An error names the file, the line, the key and what is accepted.
func TestConfigErrors(t *testing.T) {
	for file, want := range map[string]string{
		"them = 1":                               ":1: them: unknown key \"them\": did you mean theme?",
		"theme = 'blue'":                         ":1: theme: blue: must be auto, dark or light",
		"resolver = 'x'":                         ":1: resolver: x: must be system, none or an address such as 9.9.9.9 or [2620:fe::fe]:53",
		"no-mouse = 3":                           ":1: no-mouse: 3: must be true or false",
		"keys = 1":                               ":1: keys: is a table: write [keys]",
		"\n[wacth]":                              ":2: wacth: unknown table \"wacth\": did you mean watch?",
		"[version]":                              ":1: version: unknown table \"version\": it is one of colours, columns, keys, views, config, ",
		"[columns]\nflow = ['addresses']":        ":2: columns.flow: unknown key \"flow\": did you mean flows?",
		"[columns]\nflows = ['rate']":            ":2: columns.flows: the column addresses is missing",
		"[columns]\nflows = 'addreses'":          ":2: columns.flows: unknown column \"addreses\": did you mean addresses?",
		"[views]\nweb = 1":                       ":2: views.web: a view is a table: write [views.web]",
		"[views.web]\npge = 'top'":               ":2: views.web.pge: unknown key \"pge\": did you mean page?",
		"[views.web]\npage = 'tpo'":              ":2: views.web.page: unknown page \"tpo\": did you mean top?",
		"[views.web]\nfilter = 'dprot 1'":        ":2: views.web.filter: column 1: ",
		"[views.web]\nby = 'srcs'":               ":2: views.web.by: ",
		"[views.web]\ncolumns = ['proto']":       ":2: views.web.columns: the column addresses is missing",
		"[views.web]\npage = ['top']":            ":2: views.web.page: must be a single value, not a list",
		"[views.web.x]\npage = 'top'":            ":2: views.web.x.page: views has no such table",
		"[ui.watch]\nquiet = true":               ":1: ui.watch: unknown table \"ui.watch\": ",
		"[watch]\notput = 1":                     ":2: watch.otput: unknown key \"otput\": did you mean output?",
		"[watch]\nxyzxyz = 1":                    ":2: watch.xyzxyz: natlens watch has no such flag: natlens watch --help lists them",
		"[watch]\nquiet = 3":                     ":2: watch.quiet: 3: must be true or false",
		"[watch]\nhelp = true":                   ":2: watch.help: natlens watch has no such flag: natlens watch --help lists them",
		"[ui]\nfilter = ['a', 'b']":              ":2: ui.filter: must be a single value, not a list",
		"[ui]\nfilter = 1979-05-27":              ":2: ui.filter: must be a text, a number, true, false or a list of them",
		"[expect.lst]\na = 1":                    ":1: expect.lst: unknown table \"expect.lst\": did you mean expect.list?",
		"[keys]\nfliter = 'r'":                   ":2: keys.fliter: unknown key \"fliter\": did you mean filter?",
		"[keys]\nfilter = 'f9'\nsort = 'r'":      ":3: keys.sort: r is also a key of reverse",
		"[keys]\nhelp = 'ctrl+c'":                ":2: keys.help: ctrl+c is also a key of quit",
		"[keys]\nquit = []":                      ":2: keys.quit: needs a key",
		"[keys]\naccept = 'a'":                   ":2: keys.accept: a is text in the filter bar: use a key such as f5 or ctrl+x",
		"[keys]\nsort = 'ctrl+alt'":              ":2: keys.sort: \"ctrl+alt\" is not a key: write a character, or a name such as f5, pgup or ctrl+x",
		"[keys.a]\nsort = 's'":                   ":2: keys.a.sort: keys has no such table",
		"[colours]\nnta = 'red'":                 ":2: colours.nta: unknown key \"nta\": did you mean nat?",
		"[colours]\nnat = 'on bright-gren'":      ":2: colours.nat: \"bright-gren\" is not a colour: write #rrggbb, a number up to 255 or one of ",
		"theme = 'dark'\n[watch]\nquiet = tru\n": ":3: ",
	} {
		got, path := configured(t, file, "config")
		if line := got.stderr.String(); got.code != 2 || !strings.HasPrefix(line, "natlens: "+path+want) ||
			strings.Count(line, "\n") != 1 || got.stdout.String() != "" {
			t.Errorf("%q: exit code %d, %s", file, got.code, line)
		}
	}
	got, path := configured(t, "[list]\noutput-format = 'xyz'\n", "list")
	want := `natlens: unknown output format "xyz": it is one of pretty, jsonl, conntrack, csv, pcapng (--output-format is from ` + path + ":2)\n"
	if line := got.stderr.String(); got.code != 2 || line != want {
		t.Errorf("exit code %d, %q", got.code, line)
	}
}

// What natlens config prints is a configuration file with the same effect.
func TestConfigCommand(t *testing.T) {
	file := "resolver = 'none'\n[ui]\nthreshold = ['window=30s', 'idle-age=2h']\n[keys]\npause = ['p', 'ctrl+p']\nnames = []\n[colours]\nnat = 'bold #5fd7d7'\n"
	first, path := configured(t, file, "config")
	for _, want := range []string{
		"# files: " + path + "\nresolver = 'none'                        # " + path + ":1\ngateway = ''                             # default\nno-mouse = false                         # default\n",
		"\ntheme = 'auto'                           # default\n",
		"\n[ui]\nthreshold = ['window=30s', 'idle-age=2h'] # " + path + ":3\n",
		"\nnames = []                               # " + path + ":6\n",
		"\nsort = ['s']                             # default\n",
		"\n[colours]\nnat = 'bold #5fd7d7'                     # " + path + ":8\n",
	} {
		if !strings.Contains(first.stdout.String(), want) {
			t.Errorf("there is no %q in\n%s", want, first.stdout.String())
		}
	}
	again, _ := configured(t, first.stdout.String(), "config")
	withoutComments := func(text string) (out string) {
		for line := range strings.Lines(text) {
			line, _, _ = strings.Cut(line, " # /")
			line, _, _ = strings.Cut(line, " # default")
			if !strings.HasPrefix(line, "# files") {
				out += strings.TrimSpace(line) + "\n"
			}
		}
		return out
	}
	if got, want := withoutComments(again.stdout.String()), withoutComments(first.stdout.String()); got != want || again.code != 0 {
		t.Errorf("exit code %d, %s%s", again.code, again.stderr.String(), firstDifference(got, want))
	}
	if none, _ := configured(t, "", "config", "x"); none.code != 2 {
		t.Errorf("config x: exit code %d", none.code)
	}
}

// The example of the docs is valid.
func TestConfigDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```toml\n")
	example, _, ok := strings.Cut(block, "```")
	if got, _ := configured(t, example, "config"); !ok || got.code != 0 || !strings.Contains(got.stdout.String(), "\nexport = 'ctrl+e' ") {
		t.Errorf("exit code %d, %s%s", got.code, got.stderr.String(), got.stdout.String())
	}
}
