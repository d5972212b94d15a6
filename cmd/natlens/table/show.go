package table

import (
	"errors"
	"iter"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
)

// show writes the flows that are wanted (nil: all) to an output, at most limit of them (0: all), and returns how many.
// The output is opened when the first flows come, so that a failure before leaves no empty file.
func show(con cli.Console, output *cli.OutputFlags, flows iter.Seq2[*monitor.Batch, error], wanted monitor.Filter,
	limit uint64) (n uint64, err error) {
	var out *cli.Output
	var seq uint64
	for b, failed := range flows {
		if failed != nil && out == nil && len(b.Events) == 0 {
			return 0, failed
		}
		if out == nil {
			if out, err = output.Open(con, nil); err != nil {
				return 0, err
			}
		}
		for i := range b.Events {
			seq++
			b.Events[i].Seq = seq
		}
		if wanted != nil {
			b.Keep(wanted)
		}
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
		if out, err = output.Open(con, nil); err != nil {
			return 0, err
		}
	}
	return n, errors.Join(err, out.Close())
}

// onlyFlows reports a filter that asks for kinds of events.
func onlyFlows(f *cli.FilterFlags) error {
	if f.Sel.Kinds != 0 {
		return cli.Usagef("--event-mask asks for kinds of events: natlens watch has them")
	}
	return nil
}
