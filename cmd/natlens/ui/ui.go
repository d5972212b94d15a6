// Package ui has the commands that open the terminal user interface: on the kernel's
// events, on a recording (replay) and on the recording that ships with natlens (demo).
package ui

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/loop"
	"natlens/tui"
	"natlens/tui/tail"
)

// screen has the flags of the user interface that do not depend on its source.
type screen struct {
	con    cli.Console
	filter string
	expr   filter.Expr // what filter means; set by check
	theme  string
}

func (o *screen) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.filter, "filter", "", "start with this `filter`")
	cli.MustComplete(cmd, "filter", cli.CompleteUIFilter)
	o.RegisterTheme(cmd)
}

// RegisterTheme adds --theme to the command.
func (o *screen) RegisterTheme(cmd *cobra.Command) {
	o.theme = "auto"
	f := cmd.Flags()
	f.Var(cli.Value{Read: func(text string) error { o.theme = text; return nil }, Kind: "auto|dark|light"}, "theme",
		"background of the terminal; auto asks the terminal")
	f.Lookup("theme").DefValue = o.theme
	cli.MustComplete(cmd, "theme", cli.OneOf("auto", "dark", "light"))
}

// check rejects invalid values.
func (o *screen) check() error {
	if o.theme != "auto" && o.theme != "dark" && o.theme != "light" {
		return cli.Usagef("--theme %s: must be auto, dark or light", o.theme)
	}
	var err error
	if o.expr, err = cli.LabelEnv(o.con.LabelFile).Parse(o.filter); err != nil {
		return cli.FilterError(err)
	}
	return nil
}

// config returns the configuration of the user interface for any source. names has the names of
// network namespaces, if there are several.
func (o *screen) config(l *loop.Loop, last *tail.Tail, names *monitor.Namespaces) tui.Config {
	theme := o.theme
	if theme == "auto" {
		theme = o.con.Background()
	}
	env := cli.LabelEnv(o.con.LabelFile)
	env.Namespaces = names
	return tui.Config{
		Table: l.Table, Tail: last, Stats: l.Stats, Feed: l.Run,
		Filter: o.filter, Env: env, Theme: theme, NoColor: o.con.Getenv("NO_COLOR") != "", ASCII: o.con.ASCII(),
		Exporter: fileExporter{names}, Resolver: systemResolver{}, Services: serviceNames(),
		History: newFilterHistory(o.con),
		Input:   o.con.Stdin, Output: o.con.Stdout,
	}
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// linger is how long ended flows stay on the screen.
const linger = 5 * time.Second
