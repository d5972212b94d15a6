//go:build !noui

// Package ui has the commands that open the terminal user interface: on the kernel's
// events, on a recording (replay) and on the recording that ships with natlens (demo).
package ui

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/config"
	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/monitor/loop"
	"natlens/tui"
	"natlens/tui/page"
	"natlens/tui/tail"
)

// Included reports whether this build has the user interface.
const Included = true

// Add adds the commands that open the user interface, and makes the root command open it on the kernel's events.
func Add(con cli.Console, root *cobra.Command) {
	root.AddCommand(NewDemo(con), NewReplay(con))
	addRoot(con, root)
}

// screen has the flags of the user interface that do not depend on its source.
type screen struct {
	con    cli.Console
	filter string
	expr   filter.Expr // what filter means; set by check
	env    filter.Env  // set by check
	places cli.PlaceFlags

	theme    string
	resolver page.Resolver // nil: addresses have no names
	noMouse  bool
	view     string
	set      configured // set by check
}

func (o *screen) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.filter, "filter", "", "start with this `filter`")
	cli.MustComplete(cmd, "filter", cli.CompleteUIFilter)
	o.places.Register(cmd)
	o.RegisterScreen(cmd)
}

// ScreenFlags are the flags that RegisterScreen and RegisterBits add.
var ScreenFlags = []string{"theme", "resolver", "view", "no-mouse", "bits"}

// RegisterScreen adds the flags that do not depend on the source and the filter.
func (o *screen) RegisterScreen(cmd *cobra.Command) {
	o.theme, o.resolver = "auto", resolver{net.DefaultResolver}
	f := cmd.Flags()
	cli.Word(f, &o.theme, "theme", "", "`background` of the terminal: %s; auto asks the terminal", "auto", "dark",
		"light")
	f.Var(cli.Value{Read: o.setResolver, Words: []string{"system", "none"}}, "resolver",
		"the `DNS` server that knows names of addresses: ADDRESS[:PORT], system or none")
	f.StringVar(&o.view, "view", "", "open this `view` of the configuration")
	f.BoolVar(&o.noMouse, "no-mouse", false, "leave the mouse to the terminal, which can then select text")
	f.Lookup("resolver").DefValue = "system"
	cli.MustComplete(cmd, "view", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		set, _ := readConfig(o.con.Config)
		return viewNames(&set), cobra.ShellCompDirectiveNoFileComp
	})
}

// viewNames returns the names of the views.
func viewNames(set *configured) (out []string) {
	for _, v := range set.views {
		out = append(out, v.Name)
	}
	return out
}

// setResolver sets where names of addresses are from.
func (o *screen) setResolver(text string) error {
	to, err := netip.ParseAddrPort(text)
	addr, addrErr := netip.ParseAddr(text)
	switch {
	case text == "system":
		o.resolver = resolver{net.DefaultResolver}
		return nil
	case text == "none":
		o.resolver = nil
		return nil
	case addrErr == nil:
		to = netip.AddrPortFrom(addr, 53)
	case err != nil:
		return cli.Usagef("must be system, none or an address such as 9.9.9.9 or [2620:fe::fe]:53")
	}
	ask := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, to.String())
	}
	o.resolver = resolver{&net.Resolver{PreferGo: true, Dial: ask}}
	return nil
}

// check rejects invalid values, and opens the files of --mmdb.
func (o *screen) check() error {
	var err error
	if o.set, err = readConfig(o.con.Config); err != nil {
		return err
	}
	names := viewNames(&o.set)
	if o.view != "" && !slices.Contains(names, o.view) {
		return cli.Usagef("--view: %w", human.UnknownWord("view", o.view, names))
	}
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
		Keys: o.set.keys, Colours: o.set.colours, NoMouse: o.noMouse,
		Columns: o.set.columns, Views: o.set.views, View: o.view,
		Saver:    &saver{cfg: cmp.Or(o.con.Config, new(config.Config))},
		Exporter: fileExporter{names, env.Places}, Resolver: o.resolver, Services: serviceNames(),
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
