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
	places cli.PlaceFlags
	env    filter.Env // set by check
}

func (o *screen) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.filter, "filter", "", "start with this `filter`")
	cli.MustComplete(cmd, "filter", cli.CompleteUIFilter)
	o.places.Register(cmd)
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

// check rejects invalid values, and opens the files of --mmdb.
func (o *screen) check() error {
	if o.theme != "auto" && o.theme != "dark" && o.theme != "light" {
		return cli.Usagef("--theme %s: must be auto, dark or light", o.theme)
	}
	var err error
	o.env = cli.LabelEnv(o.con.LabelFile)
	if o.expr, err = o.env.Parse(o.filter); err != nil {
		return cli.FilterError(err)
	}
	o.env.Places, err = o.places.Open(o.expr)
	return err
}

// config returns the configuration of the user interface for any source. names has the names of
// network namespaces, if there are several.
func (o *screen) config(l *loop.Loop, last *tail.Tail, names *monitor.Namespaces) tui.Config {
	theme := o.theme
	if theme == "auto" {
		theme = o.con.Background()
	}
	env := o.env
	env.Namespaces = names
	return tui.Config{
		Table: l.Table, Tail: last, Stats: l.Stats, Feed: l.Run,
		Filter: o.filter, Env: env, Theme: theme, NoColor: o.con.Getenv("NO_COLOR") != "", ASCII: o.con.ASCII(),
		Exporter: fileExporter{names, env.Places}, Resolver: systemResolver{}, Services: serviceNames(),
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
