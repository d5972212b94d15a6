package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// FilterFlags is a filter as the command line gives it: words of the filter
// language, conntrack(8)'s flags, or both, of which all must hold.
type FilterFlags struct {
	LabelFile string // connlabel.conf; "" means export.LabelFile

	Given []filter.FlagValue
	Env   filter.Env
	Sel   filter.Selection
}

// Register adds conntrack(8)'s filter flags to the command. Their values keep
// the order in which they were given.
func (c *FilterFlags) Register(cmd *cobra.Command) {
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
		InGroup(f, GroupFilter, append([]string{def.Name}, def.Aliases...)...)
	}
	c.completeFlags(cmd)
	cmd.ValidArgsFunction = c.complete
}

// noValue stands for the value that -n, -g or -j may leave out: pflag wants one
// that is not empty.
const noValue = "any"

// filterFlag is one of conntrack(8)'s filter flags as pflag wants it.
type filterFlag struct {
	cfg  *FilterFlags
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
	f.cfg.Given = append(f.cfg.Given, filter.FlagValue{Name: f.name, Value: text})
	return nil
}

// Words reads the filter, as cobra checks a command's arguments: after the flags.
func (c *FilterFlags) Words(cmd *cobra.Command, args []string) error {
	c.Env = LabelEnv(c.LabelFile)
	if cmd.Flags().Changed("labelmap") && c.Env.Nameless != nil {
		return Usagef("--labelmap: %w", c.Env.Nameless)
	}
	sel, err := c.Env.FromFlags(c.Given)
	if err != nil {
		return UsageError{err}
	}
	c.Sel = sel
	if len(args) == 0 {
		return nil
	}
	expr, err := c.Env.Parse(strings.Join(args, " "))
	if err != nil {
		return FilterError(err)
	}
	c.Sel.Expr = filter.AllOf(c.Sel.Expr, expr)
	return nil
}

// FilterError is a usage error that shows the place in the filter's text.
func FilterError(err error) error {
	var e *filter.Error
	if errors.As(err, &e) {
		return UsageError{errors.New("filter: " + e.Error())}
	}
	return UsageError{err}
}

// Text is the filter in the filter language, "" if everything is wanted.
func (c *FilterFlags) Text() string {
	if c.Sel.Expr == nil {
		return ""
	}
	return c.Sel.Expr.String()
}

// Compiled returns the filter as a function, nil if everything is wanted.
func (c *FilterFlags) Compiled() monitor.Filter {
	if c.Sel.Expr == nil || c.Sel.Expr == filter.Const(true) {
		return nil
	}
	return filter.Compile(c.Sel.Expr, c.Env)
}

// CompiledFor is compiled where several network namespaces are looked into.
func (c *FilterFlags) CompiledFor(namespaces *monitor.Namespaces) monitor.Filter {
	c.Env.Namespaces = namespaces
	return c.Compiled()
}

// GivenProto is the protocol that -p names, if it was given.
func GivenProto(given []filter.FlagValue) (p monitor.Proto, known bool, err error) {
	for _, v := range given {
		def, ok := filter.FlagByName(v.Name)
		if !ok || def.Name != "proto" {
			continue
		}
		sel, err := filter.Env{}.FromFlags([]filter.FlagValue{v})
		if err != nil {
			return 0, false, UsageError{err}
		}
		p, known = monitor.Proto(sel.Expr.(filter.Cmp).Set[0].Lo), true
	}
	return p, known, nil
}
