// Package top is the command that prints which hosts, ports or processes use the bandwidth.
package top

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/groups"
	"natlens/monitor/kernel"
)

type options struct {
	con      cli.Console
	flows    cli.FlowFlags
	filter   cli.FilterFlags
	by       groups.By
	sort     groups.Order
	limit    uint
	interval time.Duration
	bits     bool
	format   string
	rates    groups.Rates
	order    groups.Order // of the last reading
}

// New returns the command.
func New(con cli.Console) *cobra.Command {
	o := options{con: con, filter: cli.FilterFlags{LabelFile: con.LabelFile}, by: groups.By{{filter.FieldHost}}}
	cmd := &cobra.Command{
		Use:   "top [filter…]",
		Short: "Show which hosts, ports or processes use the bandwidth",
		Long: `Sum the tracked flows by host, port, process or any other field of the filter language. natlens reads
the table twice, a second apart, to compute rates. With --interval it prints again and again.

UP is what the host, process or container of a group sends; for other fields the original direction. A flow belongs
to both of its hosts. Bytes include the IP header. They are known only for flows that began while
nf_conntrack_acct was 1.`,
		Example: `  natlens top
  natlens top --by proto,dport --sort bytes tcp
  natlens top --by 'host > dport' --limit 5
  natlens top --interval 5s -o json --netns all`,
		Args: o.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.Var(cli.Value{Read: func(text string) (err error) { o.by, err = groups.Parse(text); return err }, Kind: "fields"},
		"by", "group by these `fields` of the filter language: one, several such as proto,dport, or nested such as "+
			"'host > dport'; host is both ends, port the destination port")
	f.Lookup("by").DefValue = "host"
	cli.Choice(f, &o.sort, "sort", "", "sort by this `column`: %s; while rates are unknown by bytes, without "+
		"bytes by flows",
		[]string{"rate", "bytes", "flows", "new", "name"}, groups.ByRate, groups.ByBytes, groups.ByFlows, groups.ByNew,
		groups.ByName)
	f.UintVar(&o.limit, "limit", 20, "print the first `N` groups of each level; 0: all")
	cli.Time(f, &o.interval, "interval", time.Second, "print again after this `time`, such as 5s, until interrupted")
	f.BoolVar(&o.bits, "bits", false, "print rates in bits per second")
	cli.Word(f, &o.format, "output-format", "o", "`format`: %s; json: one document, on one line (default pretty on "+
		"a terminal, else json)", "pretty", "json")
	cli.InGroup(f, cli.GroupOutput, "output-format", "bits")
	cli.MustComplete(cmd, "by", cli.ListOf(filter.FieldNames()...))
	o.flows.Register(cmd)
	o.filter.Register(cmd)
	o.filter.RegisterLabelMap(cmd)
	o.filter.RegisterProcess(cmd)
	return cmd
}

// check rejects values and flags that contradict each other.
func (o *options) check() error {
	o.format = o.con.Format(o.format, "pretty", "json")
	switch {
	case o.format == "json" && o.bits:
		return cli.Usagef("--bits is for -o pretty; JSON has bytes per second")
	case o.interval > 0 && o.flows.From.Given():
		return cli.Usagef("--interval is for the kernel: not together with --from")
	case o.filter.Sel.Kinds != 0:
		return cli.Usagef("--event-mask selects kinds of events: use it with natlens watch")
	}
	fields := slices.Concat(o.by...)
	asked := slices.ContainsFunc(fields, func(f filter.Field) bool { return filter.NeedsLocal(filter.Text{Field: f}) })
	if o.filter.Process = o.filter.Process || asked; o.filter.Process && o.flows.From.Given() {
		return cli.Usagef("top --from has no process, user, container and pod")
	}
	_, err := o.filter.Open(o.con, fields...)
	return err
}

func (o *options) run(cmd *cobra.Command) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.filter.Process {
		defer o.flows.Capture.Annotate(o.con.Refused)()
	}
	ctx, live := cmd.Context(), !o.flows.From.Given()
	for {
		began := monitor.Now()
		top, err := o.read(cmd, began)
		switch {
		case err != nil:
			return o.unlessInterrupted(ctx, err)
		case live && !o.rates.Ready():
			o.note(ctx, &top)
		}
		first := live && !o.rates.Ready() && (o.interval > 0 || top.Counted > 0)
		if !first {
			if err := o.print(&top, began); err != nil || o.interval == 0 {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return o.unlessInterrupted(ctx, errors.New("interrupted before the second reading of the table"))
		case <-time.After(max(o.interval, time.Second)):
		}
	}
}

// unlessInterrupted returns err, or nil for an interrupt that ends --interval.
func (o *options) unlessInterrupted(ctx context.Context, err error) error {
	if o.interval > 0 && ctx.Err() != nil {
		return nil
	}
	return err
}

// note prints once on standard error why there is nothing to see, and drops what later readings
// would repeat.
func (o *options) note(ctx context.Context, top *groups.Group) {
	if top.Flows == 0 {
		o.flows.Capture.WhyEmpty(ctx, o.con)
	} else {
		o.flows.Capture.WhyUncounted(ctx, o.con, top.Counted)
	}
	o.con.Stderr = io.Discard
}

// read reads all flows and returns the sums of those that match.
func (o *options) read(cmd *cobra.Command, began monitor.Time) (top groups.Group, err error) {
	flows, names, err := o.flows.Flows(cmd, o.con, kernel.DumpConfig{Push: o.filter.Sel.Expr})
	if err != nil {
		return top, err
	}
	o.filter.Env.Namespaces = names
	wanted, counter := o.filter.Compiled(), groups.New(o.by, o.filter.Env)
	o.rates.Begin(began)
	for b, err := range flows {
		b.Keep(wanted)
		for i := range b.Events {
			e := &b.Events[i]
			sums := groups.Of(e)
			o.rates.Add(e, &sums)
			counter.Add(e, sums)
		}
		if err != nil {
			return top, err
		}
	}
	o.order = o.sort
	sums := counter.Sums()
	if o.order == groups.ByRate && sums.Rated == 0 {
		o.order = groups.ByBytes
	}
	if o.order == groups.ByBytes && sums.Counted == 0 {
		o.order = groups.ByFlows
	}
	return counter.Top(o.order, false, cmp.Or(int(o.limit), math.MaxInt)), nil
}
