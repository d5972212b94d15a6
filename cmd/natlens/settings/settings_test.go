package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/ui"
	"natlens/monitor"
	"natlens/monitor/golden"
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
	for _, c := range []struct{ file, args, format string }{
		{"", "watch", "pretty"},
		{"[watch]\noutput-format = 'csv'", "watch", "csv"},
		{"[watch]\noutput-format = 'csv'", "watch --output-format jsonl", "jsonl"},
		{"[watch]\noutput-format = 'bad'", "watch", "bad"},
		{"", "watch --output-format bad", "bad"},
		{"[wacth]", "watch", ""},
		{"gateway = 'a'", "watch", "pretty"},
		{"gateway = ''", "watch", "pretty"},
		{"gateway = 'a b'", "watch", ""},
		{"no-mouse = 3", "watch", ""},
	} {
		format, _, path, err := files(t, c.file, strings.Fields(c.args)...)
		golden.Words(t, c.file+" "+c.args, strings.ReplaceAll(fmt.Sprint(err), path, "FILE"))
		if format != c.format {
			t.Errorf("%q, natlens %s: format %q, want %q", c.file, c.args, format, c.format)
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
	for _, c := range []struct{ args, format string }{
		{"watch", "csv"}, {"--config OTHER watch", "jsonl"}, {"watch --config WRONG", ""}, {"watch --config DIR/none", ""},
		{"config check", ""}, {"config check --config OTHER", ""}, {"config check OTHER", ""}, {"config check WRONG", ""},
		{"config check DIR/none", ""}, {"config check OTHER OTHER", ""},
	} {
		args := strings.Fields(strings.NewReplacer("OTHER", other, "WRONG", wrong, "DIR", dir).Replace(c.args))
		format, out, path, err := files(t, "[watch]\noutput-format = 'csv'", args...)
		short := strings.NewReplacer(other, "OTHER", wrong, "WRONG", dir, "DIR", path, "FILE")
		golden.Words(t, c.args, short.Replace(fmt.Sprint(out, err)))
		if format != c.format {
			t.Errorf("natlens %s: format %q", c.args, format)
		}
	}
}
