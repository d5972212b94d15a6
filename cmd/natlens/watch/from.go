package watch

import (
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
	if err := o.from.Check(cmd); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	has := o.Filter.Sel.Kinds.Has
	t := table.New(table.Config{Memoryless: o.raw || !has(monitor.KindNew) || !has(monitor.KindDestroy)})
	var out *cli.Output
	names := new(monitor.Namespaces)
	o.Filter.Env.Namespaces = names
	o.output.Filter, o.output.Namespaces, o.output.Recorded = o.Filter.Text(), names, true
	locals := func(l *monitor.Locals) {
		t.SetLocals(l)
		out.Locals(l)
	}
	rec, err := o.from.Recording(cmd.Context(), con,
		replay.Config{Namespaces: names, Locals: locals})
	if err != nil {
		return err
	}
	src, err := rec.Open()
	if errors.Is(err, context.Canceled) { // standard input had no data
		return nil
	}
	if err != nil {
		return err
	}
	defer src.Close()
	if out, err = o.output.Open(con, nil); err != nil {
		return err
	}
	l := &loop.Loop{Source: src, Filter: o.wanted(0), Sinks: []monitor.Sink{out.Sink}, Count: o.limit,
		Recorded: true, For: o.duration}
	if !src.Remembers() || o.findings {
		l.Table = t // a raw capture shows only what its messages contain
	}
	if o.findings {
		o.noteFindings(con, l)
		l.Rules = findings.New(findings.Config{
			Table: t, Thresholds: o.Thresholds.Values, Namespace: filter.NetNS(names), Command: o.from.Command,
		})
	}
	if err := errors.Join(l.Run(cmd.Context()), out.Close()); err != nil {
		return err
	}
	switch st := l.Stats(); {
	case o.summary:
		cli.TellDone(con, true, st.Written, "flow event", "shown")
	default:
		o.note(con, "%d events, %d shown, %d lost", st.Events, st.Written, st.Lost)
	}
	cli.NoteFaults(con, src.Stats())
	return nil
}
