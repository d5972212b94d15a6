package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/ui"
	"natlens/monitor"
)

// tree returns a function that makes a root command with demo, config, and watch, which notes its format or fails
// with an error about it.
func tree(format *string) func(cli.Console) *cobra.Command {
	return func(con cli.Console) *cobra.Command {
		root := &cobra.Command{Use: "natlens", SilenceErrors: true, SilenceUsage: true}
		watch := &cobra.Command{Use: "watch", Args: cli.NoArgs}
		flag := watch.Flags().String("output-format", "pretty", "")
		cli.RegisterGateway(watch, new(monitor.Gateway))
		watch.RunE = func(*cobra.Command, []string) error {
			if *format = *flag; *flag == "bad" {
				return cli.Usagef("--output-format: unknown")
			}
			return nil
		}
		root.AddCommand(ui.NewDemo(con), New(con), watch)
		Register(root)
		return root
	}
}

// files runs a command line with a user's file, and returns the format of watch, the output, the file's path and the
// error.
func files(t *testing.T, file string, args ...string) (format, out, path string, err error) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "natlens", "config.toml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout strings.Builder
	con := cli.Console{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stdout,
		Getenv: func(name string) string { return map[string]string{"XDG_CONFIG_HOME": dir}[name] }}
	d := Read(con, tree(&format))
	con.Config = &d.Config
	root := tree(&format)(con)
	d.Install(root)
	root.SetArgs(args)
	err = d.Explain(root.Execute())
	return format, stdout.String(), path, err
}

// The files set a flag, a flag on the command line is over them, and an error names the line that set the flag.
func TestDefaults(t *testing.T) {
	for _, c := range []struct{ file, args, format, err string }{
		{"", "watch", "pretty", ""},
		{"[watch]\noutput-format = 'csv'", "watch", "csv", ""},
		{"[watch]\noutput-format = 'csv'", "watch --output-format jsonl", "jsonl", ""},
		{"[watch]\noutput-format = 'bad'", "watch", "bad", "--output-format: unknown (--output-format is from FILE:2)"},
		{"", "watch --output-format bad", "bad", "--output-format: unknown"},
		{"[wacth]", "watch", "", `FILE:1: wacth: unknown table "wacth": did you mean watch?`},
		{"gateway = 'a'", "watch", "pretty", ""},
		{"gateway = ''", "watch", "pretty", ""},
		{"gateway = 'a b'", "watch", "", "FILE:1: gateway: a b: must be a name, and labels after commas, of letters, digits and . : _ -, such as fra1-a,site=fra1"},
		{"no-mouse = 3", "watch", "", "FILE:1: no-mouse: 3: must be true or false"},
	} {
		format, _, path, err := files(t, c.file, strings.Fields(c.args)...)
		text := ""
		if err != nil {
			text = strings.ReplaceAll(err.Error(), path, "FILE")
		}
		if format != c.format || text != c.err {
			t.Errorf("%q, natlens %s: format %q, error %q; want %q, %q", c.file, c.args, format, text, c.format, c.err)
		}
	}
}

// The command config prints the files, and the defaults of the other keys.
func TestCommand(t *testing.T) {
	_, out, path, err := files(t, "[watch]\noutput-format = 'csv'\n", "config")
	for _, want := range []string{"# files: " + path + "\n", "\ntheme = 'auto'                           # default\n",
		"\n[watch]\noutput-format = 'csv'                    # " + path + ":2\n"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v, there is no %q in\n%s", err, want, out)
		}
	}
}

// --config and config check read another file, and neither the system's nor the user's.
func TestOtherFile(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.toml")
	if err := os.WriteFile(other, []byte("[watch]\noutput-format = 'jsonl'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(dir, "wrong.toml")
	if err := os.WriteFile(wrong, []byte("\n[watch]\noutput-fromat = 'jsonl'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const unknown = `WRONG:3: watch.output-fromat: unknown key "output-fromat": did you mean output-format?`
	for _, c := range []struct{ args, format, out, err string }{
		{"watch", "csv", "", ""},
		{"--config OTHER watch", "jsonl", "", ""},
		{"watch --config WRONG", "", "", unknown},
		{"watch --config DIR/none", "", "", "stat DIR/none: no such file or directory"},
		{"config check", "", "no errors in: FILE\n", ""},
		{"config check --config OTHER", "", "no errors in: OTHER\n", ""},
		{"config check OTHER", "", "no errors in: OTHER\n", ""},
		{"config check WRONG", "", "", unknown},
		{"config check DIR/none", "", "", "stat DIR/none: no such file or directory"},
		{"config check OTHER OTHER", "", "", `config check takes one file, got "OTHER"`},
	} {
		args := strings.Fields(strings.NewReplacer("OTHER", other, "WRONG", wrong, "DIR", dir).Replace(c.args))
		format, out, path, err := files(t, "[watch]\noutput-format = 'csv'", args...)
		text := ""
		if err != nil {
			text = err.Error()
		}
		short := strings.NewReplacer(other, "OTHER", wrong, "WRONG", dir, "DIR", path, "FILE").Replace
		if format != c.format || short(out) != c.out || short(text) != c.err {
			t.Errorf("natlens %s: format %q, output %q, error %q", c.args, format, out, text)
		}
	}
}
