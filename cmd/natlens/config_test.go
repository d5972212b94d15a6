//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/golden"
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

// An error is one line that names the file, the line, the key and what is accepted.
func TestConfigErrors(t *testing.T) {
	for _, file := range []string{
		"them = 1", "theme = 'blue'", "resolver = 'x'", "no-mouse = 3", "keys = 1", "\n[wacth]", "[version]",
		"[columns]\nflow = ['addresses']", "[columns]\nflows = ['rate']", "[columns]\nflows = 'addreses'",
		"[views]\nweb = 1", "[views.web]\npge = 'top'", "[views.web]\npage = 'tpo'", "[views.web]\nfilter = 'dprot 1'",
		"[views.web]\nby = 'srcs'", "[views.web]\ncolumns = ['proto']", "[views.web]\npage = ['top']",
		"[views.web.x]\npage = 'top'", "[ui.watch]\nquiet = true", "[watch]\notput = 1", "[watch]\nxyzxyz = 1",
		"[watch]\nquiet = 3", "[watch]\nhelp = true", "[ui]\nfilter = ['a', 'b']", "[ui]\nfilter = 1979-05-27",
		"[expect.lst]\na = 1", "[keys]\nfliter = 'r'", "[keys]\nfilter = 'f9'\nsort = 'r'", "[keys]\nhelp = 'ctrl+c'",
		"[keys]\nquit = []", "[keys]\naccept = 'a'", "[keys]\nsort = 'ctrl+alt'", "[keys.a]\nsort = 's'",
		"[colours]\nnta = 'red'", "[colours]\nnat = 'on bright-gren'", "theme = 'dark'\n[watch]\nquiet = tru\n",
	} {
		got, path := configured(t, file, "config")
		line := strings.ReplaceAll(got.stderr.String(), path, "FILE")
		golden.Words(t, file, line)
		if got.code != 2 || strings.Count(line, "\n") != 1 || got.stdout.String() != "" {
			t.Errorf("%q: exit code %d, %s%s", file, got.code, line, got.stdout.String())
		}
	}
	got, path := configured(t, "[list]\noutput-format = 'xyz'\n", "list")
	golden.Words(t, "list", strings.ReplaceAll(got.stderr.String(), path, "FILE"))
	if got.code != 2 {
		t.Errorf("exit code %d", got.code)
	}
}

// What natlens config prints is a configuration file with the same effect.
func TestConfigCommand(t *testing.T) {
	file := "resolver = 'none'\n[ui]\nthreshold = ['window=30s', 'idle-age=2h']\n[keys]\npause = ['p', 'ctrl+p']\nnames = []\n[colours]\nnat = 'bold #5fd7d7'\n"
	first, path := configured(t, file, "config")
	golden.File(t, "config.txt", strings.ReplaceAll(first.stdout.String(), path, "FILE"))
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
