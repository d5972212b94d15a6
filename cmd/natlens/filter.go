package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// filterConfig is a filter as the command line gives it: words of the filter
// language, conntrack(8)'s flags, or both, of which all must hold.
type filterConfig struct {
	labelFile string // connlabel.conf; "" means export.LabelFile

	given []filter.FlagValue
	env   filter.Env
	sel   filter.Selection
}

// register adds conntrack(8)'s filter flags to the command. Their values keep
// the order in which they were given.
func (c *filterConfig) register(cmd *cobra.Command) {
	for _, def := range filter.Flags() {
		v := &filterFlag{cfg: c, name: def.Name}
		f := cmd.Flags()
		if def.Short != 0 {
			f.VarP(v, def.Name, string(def.Short), def.Usage)
		} else {
			f.Var(v, def.Name, def.Usage)
		}
		flag := f.Lookup(def.Name)
		if def.Optional {
			flag.NoOptDefVal = noValue
		}
		for _, alias := range def.Aliases {
			f.Var(&filterFlag{cfg: c, name: alias}, alias, def.Usage)
			f.Lookup(alias).NoOptDefVal = flag.NoOptDefVal
			f.Lookup(alias).Hidden = true
		}
		inGroup(f, groupFilter, append([]string{def.Name}, def.Aliases...)...)
	}
	c.completeFlags(cmd)
	cmd.ValidArgsFunction = c.complete
}

// noValue stands for the value that -n, -g or -j may leave out: pflag wants one
// that is not empty.
const noValue = "any"

// filterFlag is one of conntrack(8)'s filter flags as pflag wants it.
type filterFlag struct {
	cfg  *filterConfig
	name string
}

func (f *filterFlag) String() string { return "" }

// Type is what help and errors call the value.
func (f *filterFlag) Type() string {
	def, _ := filter.FlagByName(f.name)
	return def.Arg
}

func (f *filterFlag) Set(text string) error {
	if text == noValue {
		if def, _ := filter.FlagByName(f.name); def.Optional {
			text = ""
		}
	}
	f.cfg.given = append(f.cfg.given, filter.FlagValue{Name: f.name, Value: text})
	return nil
}

// words reads the filter, as cobra checks a command's arguments: after the flags.
func (c *filterConfig) words(cmd *cobra.Command, args []string) error {
	c.env = labelEnv(c.labelFile)
	if cmd.Flags().Changed("labelmap") && c.env.Nameless != nil {
		return usagef("--labelmap: %w", c.env.Nameless)
	}
	sel, err := c.env.FromFlags(c.given)
	if err != nil {
		return usageError{err}
	}
	c.sel = sel
	if len(args) == 0 {
		return nil
	}
	expr, err := c.env.Parse(strings.Join(args, " "))
	if err != nil {
		return filterError(err)
	}
	c.sel.Expr = filter.AllOf(c.sel.Expr, expr)
	return nil
}

// filterError is a usage error that shows the place in the filter's text.
func filterError(err error) error {
	var e *filter.Error
	if errors.As(err, &e) {
		return usageError{errors.New("filter: " + e.Error())}
	}
	return usageError{err}
}

// text is the filter in the filter language, "" if everything is wanted.
func (c *filterConfig) text() string {
	if c.sel.Expr == nil {
		return ""
	}
	return c.sel.Expr.String()
}

// compiled returns the filter as a function, nil if everything is wanted.
func (c *filterConfig) compiled() monitor.Filter {
	if c.sel.Expr == nil || c.sel.Expr == filter.Const(true) {
		return nil
	}
	return filter.Compile(c.sel.Expr, c.env)
}

// compiledFor is compiled where several network namespaces are looked into.
func (c *filterConfig) compiledFor(namespaces *monitor.Namespaces) monitor.Filter {
	c.env.Namespaces = namespaces
	return c.compiled()
}

// givenProto is the protocol that -p names, if it was given.
func givenProto(given []filter.FlagValue) (p monitor.Proto, known bool, err error) {
	for _, v := range given {
		def, ok := filter.FlagByName(v.Name)
		if !ok || def.Name != "proto" {
			continue
		}
		sel, err := filter.Env{}.FromFlags([]filter.FlagValue{v})
		if err != nil {
			return 0, false, usageError{err}
		}
		p, known = monitor.Proto(sel.Expr.(filter.Cmp).Set[0].Lo), true
	}
	return p, known, nil
}
