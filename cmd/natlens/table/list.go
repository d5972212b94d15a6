package table

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
)

type listOptions struct {
	options
	table kernel.Table
	limit uint64
	zero  bool
	quiet bool
	sort  sorting
}

// NewList returns the command list.
func NewList(con cli.Console) *cobra.Command {
	o := listOptions{options: newOptions(con)}
	cmd := &cobra.Command{
		Use:   "list [filter…]",
		Short: "List the tracked flows",
		Long: `List the flows in the connection tracking table, with what NAT does to each. natlens prints them
while it reads the table, so the list is not a snapshot: flows that begin or end meanwhile may be missing.`,
		Example: `  natlens list tcp dport 443 and snat
  natlens list -o conntrack,id -p udp -s 192.168.77.2
  natlens list --sort rate --limit 10
  natlens list -o csv --output flows.csv
  natlens list --from flows.jsonl --at 14:32 snat`,
		Args: o.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	cli.Choice(f, &o.table, "table", "", "list this `table`: %s", []string{"conntrack", "dying", "unconfirmed"},
		kernel.Conntrack, kernel.Dying, kernel.Unconfirmed)
	f.Uint64Var(&o.limit, "limit", 0, "end after `N` flows")
	f.Var(cli.Value{Read: o.sort.read, Words: append(filter.FieldNames(), "rate")}, "sort", "sort by a `field` of "+
		"the filter language, such as bytes, age or src, or by rate, which reads the table twice, a second apart; "+
		"bytes, packets and times: the largest first")
	f.BoolVarP(&o.zero, "zero", "z", false, "set the counters of each listed flow to zero")
	f.BoolVar(&o.quiet, "quiet", false, "do not print the number of flows on standard error")
	o.output.Register(cmd)
	o.flows.Register(cmd)
	o.register(cmd)
	o.filter.RegisterProcess(cmd)
	return cmd
}

func (o *listOptions) run(cmd *cobra.Command) error {
	if err := o.start(o.sort.field); err != nil {
		return err
	}
	o.filter.Process = o.filter.Process || filter.NeedsLocal(filter.Text{Field: o.sort.field})
	switch {
	case !o.flows.From.Given():
		if err := o.check(); err != nil {
			return err
		}
	case o.sort.rate:
		return cli.Usagef("--sort rate is for the kernel: not together with --from")
	}
	cfg := kernel.DumpConfig{Table: o.table, Push: o.filter.Sel.Expr, Zero: o.zero}
	if o.filter.Process && !o.flows.From.Given() {
		if !o.quiet {
			o.filter.NoteUnshown(o.con, o.output.Format)
		}
		defer o.flows.Capture.Annotate(o.con.Refused)()
	}
	n, err := o.list(cmd, cfg)
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !interrupted {
		return err
	}
	if !o.quiet {
		cli.TellDone(o.con, o.summary, n, "flow", "shown")
		if n == 0 && !o.flows.From.Given() && o.table == kernel.Conntrack {
			o.flows.Capture.WhyEmpty(cmd.Context(), o.con)
		}
	}
	if interrupted {
		return errors.New("interrupted before the end of the table")
	}
	return nil
}

// list shows the flows, sorted by --sort.
func (o *listOptions) list(cmd *cobra.Command, cfg kernel.DumpConfig) (n uint64, err error) {
	flows, names, err := o.flows.Flows(cmd, o.con, cfg)
	if err != nil {
		return 0, err
	}
	o.output.Namespaces, o.output.Recorded, o.filter.Env.Namespaces = names, o.flows.From.Given(), names
	o.filter.Env.Gateway = o.output.Gateway
	wanted := o.filter.Compiled()
	if o.sort.field == filter.FieldNone {
		return o.show(flows, wanted, o.limit)
	}
	if o.sort.rate {
		o.flows.Capture.WhyUncounted(cmd.Context(), o.con, 1)
		if err := o.sort.measure(cmd.Context(), flows); err != nil {
			return 0, err
		}
	}
	return o.show(o.sort.sorted(flows, wanted, o.filter.Env, o.limit), nil, o.limit)
}

// check rejects flags that are wrong or contradict each other.
func (o *listOptions) check() error {
	switch {
	case o.zero && o.table != kernel.Conntrack:
		return cli.Usagef("--zero is for the table conntrack")
	case o.zero && (o.filter.Compiled() != nil || o.limit > 0 || o.sort.rate):
		// The kernel zeroes what it sends, which is the whole table.
		return cli.Usagef("--zero sets the counters of every flow: not together with a filter, --limit or " +
			"--sort rate")
	case o.flows.Capture.Every():
		return o.output.EveryNeeds()
	}
	return nil
}
