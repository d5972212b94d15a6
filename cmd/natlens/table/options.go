// Package table has the commands for the kernel's table of flows: list, get, create, update,
// delete, flush and count.
package table

import (
	"errors"
	"iter"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
)

// options is the part of the command lines that the commands share; each command registers what
// it uses.
type options struct {
	con     cli.Console
	flows   cli.FlowFlags
	filter  cli.FilterFlags
	output  cli.OutputFlags // hidden for delete and update: with it they show the changed flows
	confirm cli.ConfirmFlags
	summary bool // print counts in conntrack(8)'s words

	ignoreMissing bool   // delete: no error if no flow matches
	failed        uint64 // update: flows that the kernel rejected
}

func newOptions(con cli.Console) options {
	return options{con: con, filter: cli.FilterFlags{LabelFile: con.LabelFile}}
}

func (o *options) register(cmd *cobra.Command) {
	cli.RegisterSummary(cmd, &o.summary)
	o.filter.Register(cmd)
	o.filter.RegisterLabelMap(cmd)
}

// start rejects a filter with kinds of events, and an unknown format, and opens what the filter
// and the other fields look up.
func (o *options) start(fields ...filter.Field) (err error) {
	if o.con, err = o.filter.Open(o.con, fields...); err != nil {
		return err
	}
	if o.filter.Sel.Kinds != 0 {
		return cli.Usagef("--event-mask selects kinds of events: use it with natlens watch")
	}
	return o.output.Check()
}

// show writes the matching flows (wanted nil: all), at most limit of them (0: all), and returns
// how many. It opens the output when the first flows come, so that an earlier failure leaves no
// empty file.
func (o *options) show(flows iter.Seq2[*monitor.Batch, error], wanted monitor.Filter, limit uint64) (n uint64,
	err error) {
	var out *cli.Output
	var seq uint64
	for b, failed := range flows {
		if failed != nil && out == nil && len(b.Events) == 0 {
			return 0, failed
		}
		if out == nil {
			if out, err = o.output.Open(o.con, 0); err != nil {
				return 0, err
			}
		}
		for i := range b.Events {
			seq++
			b.Events[i].Seq = seq
		}
		b.Keep(wanted)
		if limit > 0 {
			b.Events = b.Events[:min(uint64(len(b.Events)), limit-n)]
		}
		if n += uint64(len(b.Events)); len(b.Events) > 0 {
			err = out.Sink.Write(b)
		}
		if err = errors.Join(failed, err); err != nil || limit > 0 && n == limit {
			break
		}
	}
	if out == nil {
		if out, err = o.output.Open(o.con, 0); err != nil {
			return 0, err
		}
	}
	return n, errors.Join(err, out.Close())
}
