package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/filter"
)

// FilterFlags is the filter of a command line: words of the filter language, flags of conntrack(8), or both, which
// all must match. Call a Register method when the command is made, then Words, then the other methods.
type FilterFlags struct {
	LabelFile string // connlabel.conf; "" means text.LabelFile
	Process   bool   // look up processes and containers: --process is given, or the filter compares them

	mayProcess bool // the command has --process and --mmdb
	places     PlaceFlags

	Given []filter.FlagValue // the flags, in the order in which they were given
	Env   filter.Env
	Sel   filter.Selection
}

// Register adds conntrack(8)'s filter flags to a command, and completes the words of a filter.
func (c *FilterFlags) Register(cmd *cobra.Command) {
	f := cmd.Flags()
	for _, def := range filter.Flags() {
		for i, name := range def.Names() {
			short := ""
			if i == 0 && def.Short != 0 {
				short = string(def.Short)
			}
			f.VarP(Value{Read: func(text string) error {
				if def.Optional() && text == noValue {
					text = ""
				}
				c.Given = append(c.Given, filter.FlagValue{Name: name, Value: text})
				return nil
			}, Kind: def.Arg}, name, short, def.Usage)
			f.Lookup(name).Hidden = i > 0
			if InGroup(f, GroupFilter, name); def.Optional() {
				f.Lookup(name).NoOptDefVal = noValue
			}
			MustComplete(cmd, name, c.complete(def))
		}
	}
	c.RegisterWords(cmd)
}

// RegisterWords completes the words of a filter. It is for a command without conntrack(8)'s flags.
func (c *FilterFlags) RegisterWords(cmd *cobra.Command) {
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, last string) ([]cobra.Completion,
		cobra.ShellCompDirective) {
		text := strings.Join(append(args, last), " ") // several arguments, or one in quotes
		return completeFilter(LabelEnv(c.LabelFile), text, last), cobra.ShellCompDirectiveNoFileComp
	}
}

// RegisterLabelMap adds --labelmap of conntrack(8) 1.4.9. The filter and the output use its names.
func (c *FilterFlags) RegisterLabelMap(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.LabelFile, "labelmap", "M", c.LabelFile,
		"read names of labels from this `file` instead of "+text.LabelFile)
	cmd.Flags().Lookup("labelmap").DefValue = ""
}

// RegisterProcess adds --process and --mmdb, and allows the fields that they look up in the filter.
func (c *FilterFlags) RegisterProcess(cmd *cobra.Command) {
	c.mayProcess = true
	cmd.Flags().BoolVar(&c.Process, "process", false, ProcessHelp)
	InGroup(cmd.Flags(), GroupOutput, "process")
	c.places.Register(cmd)
}

// ProcessHelp is the help of --process.
const ProcessHelp = "look up the process, user, container and pod of each flow"

// NoteUnshown prints a note if --process was given for a format that has no processes.
func (c *FilterFlags) NoteUnshown(con Console, format string) {
	name, _, _ := strings.Cut(format, ",")
	if c.Process && !filter.NeedsLocal(c.Sel.Expr) && (name == "csv" || name == "conntrack") {
		fmt.Fprintf(con.Stderr, "natlens: --process: -o %s has no processes; use pretty, jsonl or pcapng\n", name)
	}
}

// noValue is the value of a flag that is given without its optional value. pflag does not allow an empty one.
const noValue = "any"

// Words parses the filter's flags and words, and sets Env and Sel. It returns a usage error for bad input. Use it as
// the Args of a command, which cobra calls after it has parsed the flags.
func (c *FilterFlags) Words(cmd *cobra.Command, args []string) error {
	c.Env = LabelEnv(c.LabelFile)
	if cmd.Flags().Changed("labelmap") && c.Env.Nameless != nil {
		return Usagef("--labelmap: %w", c.Env.Nameless)
	}
	var err error
	if c.Sel, err = c.Env.FromFlags(c.Given); err != nil {
		return Usage(err)
	}
	if len(args) > 0 {
		expr, err := c.Env.Parse(strings.Join(args, " "))
		if err != nil {
			return FilterError(err)
		}
		c.Sel.Expr = filter.AllOf(c.Sel.Expr, expr)
	}
	local := filter.NeedsLocal(c.Sel.Expr)
	if !c.mayProcess && (local || filter.NeedsPlaces(c.Sel.Expr)) {
		return Usagef("filter: process, user, container, pod, country, city and as work with watch, record, " +
			"list and top only")
	}
	c.Process = c.Process || local
	return nil
}

// FlagName returns the name of a filter flag, also if an alias was given.
func FlagName(v filter.FlagValue) string {
	f, _ := filter.FlagByName(v.Name)
	return f.Name
}

// FilterError returns err as a usage error. If it is a *filter.Error, it has the position in the filter's text.
func FilterError(err error) error {
	if e, ok := errors.AsType[*filter.Error](err); ok {
		return Usagef("filter: %w", e)
	}
	return Usage(err)
}

// Text returns the filter in the filter language, "" if it selects everything.
func (c *FilterFlags) Text() string {
	if c.Sel.Expr == nil {
		return ""
	}
	return c.Sel.Expr.String()
}

// Compiled returns the filter as a function, nil if it selects everything.
func (c *FilterFlags) Compiled() monitor.Filter {
	if c.Sel.Expr == nil || c.Sel.Expr == filter.Const(true) {
		return nil
	}
	return filter.Compile(c.Sel.Expr, c.Env)
}

// Open opens the files of --mmdb for the filter and other fields. It returns the console with them and with the file of
// --labelmap.
func (c *FilterFlags) Open(con Console, fields ...filter.Field) (Console, error) {
	var err error
	c.Env.Places, err = c.places.Open(c.Sel.Expr, fields...)
	con.LabelFile, con.Places = c.LabelFile, c.Env.Places
	return con, err
}

// Proto returns the protocol that -p names. known is false if -p was not given.
func (c *FilterFlags) Proto() (p monitor.Proto, known bool, err error) {
	for _, v := range c.Given {
		if FlagName(v) == "proto" {
			p, err = ParseProto(v.Value)
			known = err == nil
		}
	}
	return p, known, err
}

// ParseProto reads a protocol as -p does, 0 for "".
func ParseProto(text string) (monitor.Proto, error) {
	if text == "" {
		return 0, nil
	}
	sel, err := filter.Env{}.FromFlags([]filter.FlagValue{{Name: "proto", Value: text}})
	if err != nil {
		return 0, Usage(err)
	}
	return monitor.Proto(sel.Expr.(filter.Cmp).Set[0].Lo), nil
}

// LabelEnv returns a filter.Env with the names of labels in a connlabel.conf, or with the reason that they can't be
// read. "" means text.LabelFile.
func LabelEnv(file string) filter.Env {
	labels, err := text.ReadLabels(file)
	return filter.Env{Labels: labels.Bits(), Nameless: err}
}

// CompleteUIFilter completes the value of --filter, which has the whole filter.
func CompleteUIFilter(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFilter(LabelEnv(""), typed, typed), cobra.ShellCompDirectiveNoFileComp
}

// completeFilter completes the text of a filter. last is the end of the text that the shell has as its current word.
func completeFilter(env filter.Env, text, last string) (out []cobra.Completion) {
	env.Values = func(f filter.Field) []string { // values of the fields that are names
		switch f {
		case filter.FieldHelper:
			return kernelHelpers
		case filter.FieldNetNS:
			return namespaceNames()
		}
		return nil
	}
	word := []rune(last)
	quoted := strings.ContainsAny(last, " (")
	for _, candidate := range env.Complete(text, utf8.RuneCountInString(text)) {
		if candidate.Text == "" {
			if len(out) == 0 {
				out = cobra.AppendActiveHelp(out, candidate.Doc)
			}
			continue
		}
		if !quoted && strings.ContainsAny(candidate.Text, " <>{}()&|!") {
			continue // special to the shell without quotes
		}
		// The shell replaces its whole word, but the candidate only the end of it.
		kept := word[:max(0, len(word)-(candidate.End-candidate.Start))]
		out = append(out, cobra.CompletionWithDesc(string(kept)+candidate.Text, candidate.Doc))
	}
	return out
}

// kernelHelpers are the names of the conntrack helpers of Linux.
var kernelHelpers = []string{"amanda", "ftp", "h323", "irc", "netbios-ns", "pptp", "Q.931", "RAS", "sane", "sip",
	"snmp", "tftp"}

// complete returns the completion of the value of a filter flag.
func (c *FilterFlags) complete(def filter.Flag) cobra.CompletionFunc {
	switch {
	case def.Name == "label":
		return c.CompleteLabels
	case def.Name == "state":
		return c.completeStates(def.Words)
	case def.Words != nil && def.Repeats():
		return ListOf(def.Words...)
	case def.Words != nil:
		return OneOf(def.Words...)
	}
	return cobra.NoFileCompletions
}

// CompleteLabels completes a list of names of labels.
func (c *FilterFlags) CompleteLabels(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	return ListOf(slices.Sorted(maps.Keys(LabelEnv(c.LabelFile).Labels))...)(cmd, args, typed)
}

// completeStates completes a state: one of the protocol that -p names, or any of all.
func (c *FilterFlags) completeStates(all []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		words := all
		if p, known, err := c.Proto(); known && err == nil {
			words = monitor.StateNames(p)
		}
		return OneOf(words...)(cmd, args, typed)
	}
}
