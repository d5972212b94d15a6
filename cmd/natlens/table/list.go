// Package table has the commands on the kernel's table of flows: list, get, create, update, delete, flush and count.
package table

import (
	"context"
	"errors"
	"iter"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
)

// listOptions is the command line of list.
type listOptions struct {
	con     cli.Console
	output  cli.OutputFlags
	capture cli.CaptureFlags
	from    cli.FromFlags
	filter  cli.FilterFlags

	table   string
	limit   uint64
	zero    bool
	quiet   bool
	summary bool // count in conntrack(8)'s words
}

// NewList returns the command list.
func NewList(con cli.Console) *cobra.Command {
	o := listOptions{con: con, filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "list [filter…]",
		Short: "List the tracked flows",
		Long: `List the flows that are in the connection tracking table now, with what NAT does to each. The table
is streamed, however long it is. The list is not a snapshot: flows that begin or end meanwhile may be missing.`,
		Example: `  natlens list tcp dport 443 and snat
  natlens list -o conntrack,id -p udp -s 192.168.77.2
  natlens list -o csv --output flows.csv
  natlens list --from flows.jsonl --at 14:32 snat`,
		Args: o.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.table, "table", "conntrack", "list this `table`: conntrack, dying or unconfirmed")
	f.Uint64Var(&o.limit, "limit", 0, "end after `N` flows")
	f.BoolVarP(&o.zero, "zero", "z", false, "set the counters of each flow to zero as it is listed")
	f.BoolVar(&o.quiet, "quiet", false, "do not count the flows on standard error")
	cli.RegisterSummary(cmd, &o.summary)
	cli.MustComplete(cmd, "table", cli.OneOf("conntrack", "dying", "unconfirmed"))
	cli.MustComplete(cmd, "limit", cobra.NoFileCompletions)
	o.output.Register(cmd)
	o.capture.RegisterNetNS(cmd)
	o.capture.AllowEvery(cmd)
	o.from.Register(cmd)
	o.from.RegisterAt(cmd)
	o.filter.Register(cmd)
	o.filter.RegisterLabelMap(cmd)
	return cmd
}

func (o *listOptions) run(cmd *cobra.Command) error {
	o.con = o.filter.Named(o.con)
	err := onlyFlows(&o.filter)
	if err == nil {
		err = o.output.Check()
	}
	if err != nil {
		return err
	}
	flows, err := o.flows(cmd)
	if err != nil {
		return err
	}
	o.filter.Env.Namespaces = o.output.Namespaces
	n, err := show(o.con, &o.output, flows, o.filter.Compiled(), o.limit)
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !interrupted {
		return err
	}
	if !o.quiet {
		cli.TellDone(o.con, o.summary, n, "flow", "shown")
		if n == 0 && !o.summary && !o.from.Given() && o.table == "conntrack" {
			o.whyEmpty(cmd.Context())
		}
	}
	if interrupted {
		return errors.New("interrupted before the end of the table")
	}
	return nil
}

// flows returns the flows of a recording or of the kernel, and sets the names of their namespaces.
func (o *listOptions) flows(cmd *cobra.Command) (iter.Seq2[*monitor.Batch, error], error) {
	if !o.from.Given() {
		return o.kernelFlows(cmd.Context())
	}
	o.output.Namespaces, o.output.Recorded = new(monitor.Namespaces), true
	source, err := o.from.FlowsAt(cmd, o.con, o.output.Namespaces)
	if err != nil {
		return nil, err
	}
	return monitor.Batches(cmd.Context(), source), nil
}
