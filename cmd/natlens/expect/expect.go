//go:build linux

// Package expect has the commands on expectations: flows that a helper has read of in the payload of another flow.
package expect

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/filter"
)

// options is the command line of all commands; each has some of the flags.
type options struct {
	con      cli.Console
	format   string
	family   monitor.Family
	capture  cli.CaptureFlags
	filter   cli.FilterFlags // its flags name one expectation
	confirm  cli.ConfirmFlags
	duration time.Duration
	limit    uint64
	summary  bool // count in conntrack(8)'s words

	ignoreMissing bool // delete: it is no error if no expectation matches

	expected []filter.FlagValue // create: the flow that is expected, by the names of expectedFlags
}

// New returns the group of commands.
func New(con cli.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "expect command",
		Short: "List, watch, delete and make expectations",
		Long: `A helper (FTP, SIP, TFTP, PPTP …) reads in the payload of one flow, the master, that another flow
will follow. Until that flow comes, the kernel keeps an expectation of it.`,
		Args: cli.NoWords,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, c := range []struct {
		name, short string
		run         func(*options, context.Context) error
		flags       []func(*options, *cobra.Command)
	}{
		{"list", "List the expectations", (*options).list, groups((*options).shows, (*options).families)},
		{"watch", "Stream expectations as they are made and removed", (*options).watch, groups((*options).shows,
			(*options).ends)},
		{"get", "Show the expectation that a packet would match", (*options).get, groups((*options).shows,
			(*options).tuples)},
		{"delete", "Delete the expectation that a packet would match", (*options).delete, groups((*options).tuples,
			(*options).ignores)},
		{"flush", "Delete every expectation", (*options).flush, groups((*options).asks)},
		{"count", "Print how many expectations there are", (*options).count, groups((*options).families)},
		{"create", "Make an expectation by hand", (*options).create, groups((*options).tuples, (*options).expects)},
	} {
		o := &options{con: con, filter: cli.FilterFlags{LabelFile: con.LabelFile}}
		sub := &cobra.Command{
			Use: c.name, Short: c.short, Args: cli.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.run(o, cmd.Context()) },
		}
		cli.RegisterSummary(sub, &o.summary)
		for _, register := range c.flags {
			register(o, sub)
		}
		o.capture.RegisterNetNS(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func groups(g ...func(*options, *cobra.Command)) []func(*options, *cobra.Command) { return g }

func (o *options) shows(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output-format", "o", "", "`format`: conntrack, jsonl (default conntrack on "+
		"a terminal, else jsonl)")
	cli.InGroup(cmd.Flags(), cli.GroupOutput, "output-format")
	cli.MustComplete(cmd, "output-format", cli.CompleteExpectFormat)
}

func (o *options) families(cmd *cobra.Command) { cli.RegisterFamily(cmd, &o.family) }

func (o *options) tuples(cmd *cobra.Command) {
	o.filter.Register(cmd)
	cmd.ValidArgsFunction = cobra.NoFileCompletions // it takes no words of a filter
}

func (o *options) ignores(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.ignoreMissing, "ignore-missing", false, "it is no error if no expectation matches")
}

func (o *options) asks(cmd *cobra.Command) { o.confirm.Register(cmd) }

func (o *options) ends(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&o.duration, "for", 0, "end after this `time`, such as 10s or 5m")
	cmd.Flags().Uint64Var(&o.limit, "limit", 0, "end after `N` events")
	cli.MustComplete(cmd, "for", cobra.NoFileCompletions)
	cli.MustComplete(cmd, "limit", cobra.NoFileCompletions)
}

// sink opens what expectations are written to.
func (o *options) sink() (export.ExpectSink, error) {
	format := o.format
	switch _, isTerminal := cli.Terminal(o.con.Stdout); {
	case format == "" && isTerminal:
		format = "conntrack"
	case format == "":
		format = "jsonl"
	}
	sink, err := export.NewExpects(format, o.con.Stdout, export.Options{})
	if err != nil {
		return nil, cli.Usage(err)
	}
	return sink, nil
}
