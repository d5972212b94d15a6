package watch

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/findings"
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
)

// replay passes a recording through the filter to the output. The same events make the same
// lines.
func (o *Options) replay(cmd *cobra.Command, con cli.Console) error {
	if err := cmp.Or(o.from.Check(cmd), o.check()); err != nil {
		return err
	}
	con, err := o.Filter.Open(con)
	if err != nil {
		return err
	}
	names := new(monitor.Namespaces)
	o.Filter.Env.Namespaces, o.Filter.Env.Gateway = names, o.output.Gateway
	o.output.Filter, o.output.Namespaces, o.output.Recorded = o.Filter.Text(), names, true
	run := &loop.Loop{Filter: o.wanted(0), Count: o.end.Limit, Recorded: true, For: o.end.For}
	defer run.Close()
	rec, err := o.from.Recording(cmd.Context(), con, replay.Config{Namespaces: names, Locals: run.SetLocals})
	if err != nil {
		return err
	}
	if run.Since, run.Until, err = o.from.Span(rec); err != nil {
		return err
	}
	src, err := rec.Open()
	if errors.Is(err, context.Canceled) { // standard input had no data
		return nil
	}
	if err != nil {
		return err
	}
	run.Source = src
	run.OnClose(src.Close)
	out, err := o.output.Open(con, 0)
	if err != nil {
		return err
	}
	run.Sink(out.Sink, out.Close)
	if !src.Remembers() || o.findings { // a raw capture shows only what its messages contain
		has := o.Filter.Sel.Kinds.Has
		memoryless := o.raw || !has(monitor.KindNew) || !has(monitor.KindDestroy)
		run.Table = table.New(table.Config{Memoryless: memoryless})
	}
	if o.findings {
		if err := o.reportFindings(con, run); err != nil {
			return err
		}
		run.Rules = findings.New(findings.Config{Table: run.Table, Thresholds: o.Thresholds.Values,
			Namespace: filter.NetNS(names), Command: o.from.Command})
	}
	if err := errors.Join(run.Run(cmd.Context()), run.Close()); err != nil {
		return err
	}
	switch st := run.Stats(); {
	case o.summary:
		cli.TellDone(con, true, st.Written, "flow event", "shown")
	default:
		o.note(con, "%d events, %d shown, %d lost", st.Events, st.Written, st.Lost)
	}
	cli.NoteFaults(con, src.Stats())
	return nil
}
