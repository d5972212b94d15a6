// Package settings applies the configuration files to the flags of all commands, and is the command config.
package settings

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/ui"
	"natlens/monitor/config"
	"natlens/monitor/human"
)

// shared are the keys before all tables: defaults of the flag for every command that has it.
var shared = map[string]string{"theme": "theme", "no-mouse": "no-mouse", "resolver": "resolver",
	"places": "mmdb", "gateway": "gateway"}

// uiTable is the name of the root command's table.
const uiTable = "ui"

// Defaults sets flags that the command line does not give to the values of the configuration
// files.
type Defaults struct {
	// Config is what the files contain.
	Config config.Config
	Off    bool // the command line has no configuration, because it is one of conntrack(8)

	newRoot func(cli.Console) *cobra.Command
	err     error            // of reading the files
	used    []config.Setting // that set a flag
}

// Read reads the configuration files. If it cannot, the commands that Install changes fail. NewRoot makes the tree of
// commands that the files are checked against.
func Read(con cli.Console, newRoot func(cli.Console) *cobra.Command) *Defaults {
	d := &Defaults{newRoot: newRoot}
	d.Config, d.err = config.Load(config.SystemFile, config.UserFile(con.Getenv))
	return d
}

// configFlag is the flag that all commands have.
const configFlag = "config"

// Register adds --config to all commands.
func Register(root *cobra.Command) {
	root.PersistentFlags().String(configFlag, "", "read only this configuration `file`")
}

// withoutConfig are the commands that work whatever the files contain.
var withoutConfig = []string{"help", "version", "completion", "man"}

// Install makes all commands apply the files, after the flags are read and before the arguments,
// because filters consist of both.
func (d *Defaults) Install(cmd *cobra.Command) {
	args := cmd.Args
	cmd.Args = func(cmd *cobra.Command, words []string) error {
		if err := d.apply(cmd, words); err != nil || args == nil {
			return err
		}
		return args(cmd, words)
	}
	for _, sub := range cmd.Commands() {
		d.Install(sub)
	}
}

// apply checks the files and sets the flags of a command with these arguments.
func (d *Defaults) apply(cmd *cobra.Command, words []string) error {
	table := commandPath(cmd)
	if slices.Contains(withoutConfig, table[0]) || cmd.Flags().Changed("version") {
		return nil
	}
	switch file := cmd.Flag(configFlag); {
	case d.Off && file.Changed:
		return cli.Usagef("--config: command lines of conntrack(8) have no configuration")
	case d.Off:
		return nil
	case file.Changed:
		d.Config, d.err = config.LoadFile(file.Value.String())
	}
	if cmd.Name() == checkName && len(words) == 1 {
		d.Config, d.err = config.LoadFile(words[0])
	}
	if d.err == nil {
		d.err = d.check()
	}
	if _, ok := errors.AsType[*fs.PathError](d.err); ok {
		return d.err
	}
	if d.err != nil {
		return cli.Usage(d.err)
	}
	wanted := make(map[string]config.Setting)
	for _, s := range d.Config.In() {
		wanted[shared[s.Path[0]]] = s
	}
	for _, s := range d.Config.In(table...) {
		wanted[s.Path[len(s.Path)-1]] = s
	}
	var err error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if s, ok := wanted[f.Name]; ok && !f.Changed && !f.Hidden && err == nil {
			d.used = append(d.used, s)
			err = setFlag(f, &s)
		}
	})
	return err
}

// setFlag sets a flag, but does not mark it as given on the command line.
func setFlag(f *pflag.Flag, s *config.Setting) error {
	texts, err := s.Texts()
	if _, isList := f.Value.(pflag.SliceValue); err == nil && !isList && f.Value.Type() != "NAME=VALUE" {
		_, err = s.Text()
	}
	for _, text := range texts {
		if err == nil {
			if err = f.Value.Set(text); err != nil {
				err = s.Errorf("%s: %s", text, cli.WrongValue(f, err))
			}
		}
	}
	if err != nil {
		return cli.Usage(err)
	}
	return nil
}

// check rejects unknown keys and tables, and values that a flag does not accept.
func (d *Defaults) check() error {
	if len(d.Config.Settings) == 0 {
		return nil
	}
	// The flags of this tree are set, but no command of it runs.
	root := d.newRoot(cli.Console{Getenv: func(string) string { return "" }})
	commands := tables(root)
	names := append(slices.Clone(ui.Tables), slices.Sorted(maps.Keys(commands))...)
	for _, s := range d.Config.Settings {
		table := s.Name()
		if s.Value != nil {
			table = strings.Join(s.Path[:len(s.Path)-1], ".")
		}
		var err error
		flag := sharedFlag(root, s.Path[0])
		switch cmd := commands[table]; {
		case slices.Contains(ui.Tables, s.Path[0]) && table != "":
		case table == "" && slices.Contains(names, s.Path[0]):
			err = s.Errorf("is a table: write [%s]", s.Path[0])
		case table == "" && shared[s.Path[0]] == "":
			err = s.Unknown(append(slices.Sorted(maps.Keys(shared)), names...)...)
		case table == "":
			if flag != nil { // otherwise this build has no UI
				err = setFlag(flag, &s)
			}
		case cmd == nil:
			err = s.Errorf("%w", human.UnknownWord("table", table, names))
		case s.Value != nil:
			err = checkFlag(cmd, &s)
		}
		if err != nil {
			return err
		}
	}
	return ui.CheckConfig(&d.Config)
}

// sharedFlag returns the flag of a key before all tables, of any command that has it, or nil.
func sharedFlag(root *cobra.Command, key string) (f *pflag.Flag) {
	for _, cmd := range tables(root) {
		f = cmp.Or(f, cmd.Flags().Lookup(shared[key]))
	}
	return f
}

// tables returns the commands by the names of their tables.
func tables(root *cobra.Command) map[string]*cobra.Command {
	all := map[string]*cobra.Command{uiTable: root}
	var add func(before string, cmd *cobra.Command)
	add = func(before string, cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if name := before + sub.Name(); sub.IsAvailableCommand() && !slices.Contains(withoutConfig, name) {
				all[name] = sub
				add(name+".", sub)
			}
		}
	}
	add("", root)
	return all
}

// checkFlag rejects a key that is no flag of a command, and a wrong value.
func checkFlag(cmd *cobra.Command, s *config.Setting) error {
	name := s.Path[len(s.Path)-1]
	f := cmd.Flags().Lookup(name)
	if f != nil && !f.Hidden && name != "help" && name != "version" {
		return setFlag(f, s)
	}
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags = append(flags, f.Name)
		}
	})
	if near := human.Nearest(name, flags); near != "" && near != name {
		return s.Unknown(near)
	}
	return s.Errorf("%s has no such flag: %[1]s --help lists them", cmd.CommandPath())
}

// commandPath returns the table of a command: its words, or ui for the root command.
func commandPath(cmd *cobra.Command) []string {
	if words := strings.Fields(cmd.CommandPath())[1:]; len(words) > 0 {
		return words
	}
	return []string{uiTable}
}

// Explain adds to a usage error where a flag that it names was set.
func (d *Defaults) Explain(err error) error {
	if _, usage := errors.AsType[cli.UsageError](err); !usage {
		return err
	}
	for _, s := range d.used {
		flag := "--" + s.Path[len(s.Path)-1]
		value, _ := s.Text()
		if strings.Contains(err.Error(), flag) || len(value) > 2 && strings.Contains(err.Error(), value) {
			return cli.Usagef("%w (%s is from %s:%d)", err, flag, s.File, s.Line)
		}
	}
	return err
}

// New returns the command config.
func New(con cli.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the configuration, and where each value is from",
		Long: `Print the configuration as TOML: the user's file over the system's, and the keys of the UI. A comment
names the file and line of each value.

natlens reads ` + config.SystemFile + `, and over it $XDG_CONFIG_HOME/natlens/config.toml (without the
variable in ~/.config); with --config only that file. With sudo(8) it reads root's file. Another user must not be able
to change a file. An unknown key is an error. A flag on the command line overrides the files. Command lines of
conntrack(8) ignore them.

  theme = "dark"          # also no-mouse, resolver, places, gateway
  [watch]                 # a command; the UI's table is [ui]
  output-format = "jsonl" # its flags
  [keys]
  pause = ["space", "p"]  # an action of the UI; [] removes its keys
  [colours]
  nat = "bold #5fd7d7"    # also bright-cyan, 86, "white on blue"
  [columns]               # the UI saves them by c, and views by v
  flows = ["proto", "addresses", "process:20"]`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(con.Stdout, printed(con.Config, cmd.Root()))
			return err
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:   checkName + " [FILE]",
		Short: "Check a configuration file, or those that natlens reads",
		Long: `Check a configuration file, or without FILE those that natlens reads. An unknown key or a wrong value is
an error with its line, and the exit code is 2.`,
		Args: func(_ *cobra.Command, words []string) error {
			if len(words) > 1 {
				return cli.Usagef("config check takes one file, got %q", words[1])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error { // the files are read and checked before
			files := cmp.Or(strings.Join(con.Config.Files, ", "), "no file")
			_, err := fmt.Fprintf(con.Stdout, "no errors in: %s\n", files)
			return err
		},
	})
	return cmd
}

// checkName is the name of the command that checks a file.
const checkName = "check"

// printed returns the configuration as TOML: the keys before all tables first.
func printed(cfg *config.Config, root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# files: %s\n", cmp.Or(strings.Join(cfg.Files, ", "), "none"))
	all := slices.Clone(cfg.Settings)
	add := func(value any, path ...string) {
		if !slices.ContainsFunc(all, func(s config.Setting) bool { return slices.Equal(s.Path, path) }) {
			all = append(all, config.Setting{Path: path, Value: value})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(shared)) {
		switch f := sharedFlag(root, key); {
		case f == nil:
		case f.Value.Type() == "bool":
			add(false, key)
		case f.Value.Type() == "stringArray":
			add([]string{}, key)
		default:
			add(f.DefValue, key)
		}
	}
	ui.EachKey(func(action string, keys []string) { add(keys, "keys", action) })
	table := func(s config.Setting) string { return config.Heading(s.Path[:len(s.Path)-1]...) }
	slices.SortStableFunc(all, func(a, b config.Setting) int {
		return cmp.Or(strings.Compare(table(a), table(b)), cmp.Compare(len(a.Path), len(b.Path)))
	})
	for i, s := range all {
		if s.Value == nil {
			continue
		}
		if heading := table(s); len(s.Path) > 1 && (i == 0 || heading != table(all[i-1])) {
			b.WriteString("\n" + heading + "\n")
		}
		from := "default"
		if s.File != "" {
			from = fmt.Sprintf("%s:%d", s.File, s.Line)
		}
		fmt.Fprintf(&b, "%-40s # %s\n", config.Line(s.Path[len(s.Path)-1], s.Value), from)
	}
	return b.String()
}
