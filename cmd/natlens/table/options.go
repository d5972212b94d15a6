// Package table has the commands on the kernel's table of flows: list, get, create, update, delete, flush and count.
package table

import (
	"errors"
	"iter"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
)

// options is what the command lines of the commands share; each command registers its part.
type options struct {
	con     cli.Console
	flows   cli.FlowFlags
	filter  cli.FilterFlags
	output  cli.OutputFlags // of delete and update hidden: with it they show what they did
	confirm cli.ConfirmFlags
	summary bool // count in conntrack(8)'s words

	ignoreMissing bool   // delete: it is no error if no flow matches
	failed        uint64 // update: flows that the kernel refused to change
}

func newOptions(con cli.Console) options {
	return options{con: con, filter: cli.FilterFlags{LabelFile: con.LabelFile}}
}

func (o *options) register(cmd *cobra.Command) {
	cli.RegisterSummary(cmd, &o.summary)
	o.filter.Register(cmd)
	o.filter.RegisterLabelMap(cmd)
}

// start reports a filter that asks for kinds of events, and an unknown format.
func (o *options) start() error {
	o.con = o.filter.Named(o.con)
	if o.filter.Sel.Kinds != 0 {
		return cli.Usagef("--event-mask selects kinds of events: use it with natlens watch")
	}
	return o.output.Check()
}

// show writes the flows that are wanted (nil: all), at most limit of them (0: all), and returns how many. The output is
// opened when the first flows come, so that a failure before leaves no empty file.
func (o *options) show(flows iter.Seq2[*monitor.Batch, error], wanted monitor.Filter, limit uint64) (n uint64,
	err error) {
	var out *cli.Output
	var seq uint64
	for b, failed := range flows {
		if failed != nil && out == nil && len(b.Events) == 0 {
			return 0, failed
		}
		if out == nil {
			if out, err = o.output.Open(o.con, nil); err != nil {
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
		if out, err = o.output.Open(o.con, nil); err != nil {
			return 0, err
		}
	}
	return n, errors.Join(err, out.Close())
}
