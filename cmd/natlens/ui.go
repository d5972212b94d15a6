package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/loop"
	"natlens/tui"
)

// uiConfig is what the command line says of the terminal UI, whatever its source
// is.
type uiConfig struct {
	filter string
	theme  string
	who    tui.Asker // nil: the page Who is not offered

	trouble func() string // see tui.Config
}

func (c *uiConfig) Register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.filter, "filter", "", "`filter` to begin with")
	cli.MustComplete(cmd, "filter", cli.CompleteUIFilter)
	c.registerTheme(cmd)
}

func (c *uiConfig) registerTheme(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.theme, "theme", "auto", "colours for a `dark|light` background; auto asks the terminal")
	cli.MustComplete(cmd, "theme", cli.OneOf("auto", "dark", "light"))
}

// Check refuses what cannot be shown.
func (c *uiConfig) Check(con cli.Console) error {
	if c.theme != "auto" && c.theme != "dark" && c.theme != "light" {
		return cli.Usagef("--theme %s: must be auto, dark or light", c.theme)
	}
	if c.filter == "" {
		return nil
	}
	if _, err := cli.LabelEnv(con.LabelFile).Parse(c.filter); err != nil {
		return cli.FilterError(err)
	}
	return nil
}

// Config is what the UI needs whatever its source is.
func (c *uiConfig) Config(con cli.Console, m *loop.Loop, tail *tui.Tail) tui.Config {
	theme := c.theme
	if theme == "auto" {
		theme = ""
	}
	return tui.Config{
		Table: m.Table, Tail: tail, Stats: m.Stats, Feed: m.Run,
		Filter: c.filter, Env: cli.LabelEnv(con.LabelFile), Theme: theme, NoColor: con.Getenv("NO_COLOR") != "",
		Exporter: fileExporter{}, Resolver: systemResolver{}, Services: serviceNames(), History: newFilterHistory(con),
		Who: c.who, Trouble: c.trouble,
		Input: con.Stdin, Output: con.Stdout,
	}
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// uiLinger is how long ended flows stay in sight.
const uiLinger = 5 * time.Second
