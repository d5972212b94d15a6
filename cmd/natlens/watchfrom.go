package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
)

// replay streams the recording through the filter to the output: the same events,
// the same lines.
func (c *watchConfig) replay(cmd *cobra.Command, con cli.Console) error {
	if err := c.from.Check(cmd); err != nil {
		return err
	}
	if c.duration < 0 {
		return cli.Usagef("--for %s: must not be negative", c.duration)
	}
	has := c.filter.Sel.Kinds.Has
	if err := c.findings.Check(!c.raw, has(monitor.KindNew) && has(monitor.KindUpdate) && has(monitor.KindDestroy)); err != nil {
		return err
	}
	if err := c.output.Check(); err != nil {
		return err
	}
	c.output.Filter = c.filter.Text()
	table := table.New(table.Config{Memoryless: c.raw || !has(monitor.KindNew) || !has(monitor.KindDestroy)})
	var out *cli.Output
	namespaces := new(monitor.Namespaces)
	c.output.Namespaces, c.filter.Env.Namespaces = namespaces, namespaces
	rec, err := c.from.Recording(cmd.Context(), con, replay.Config{Zstd: cli.UnpackZstd, Namespaces: namespaces, Locals: func(l *monitor.Locals) {
		table.SetLocals(l)
		out.Locals(l)
	}})
	if err != nil {
		return err
	}
	src, err := rec.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	c.output.Recorded = true
	if out, err = c.output.Open(con, nil); err != nil {
		return err
	}
	m := &loop.Loop{Source: src, Filter: c.recordedFilter(), Sinks: []monitor.Sink{out.Sink}, Count: c.count}
	if !src.Remembers() || c.findings.on {
		m.Table = table // a capture tells what the messages do, and no more
	}
	if c.duration > 0 {
		m.Source = &firstPart{Source: src, length: monitor.Time(c.duration)}
	}
	if c.findings.on {
		c.lookIn(m, con, out.Sink)
	}
	if err := errors.Join(m.Run(cmd.Context()), out.Close()); err != nil {
		return err
	}
	switch st := m.Stats(); {
	case c.summary:
		cli.TellDone(con, true, st.Written, "flow event", "shown")
	case !c.quiet:
		fmt.Fprintf(con.Stderr, "natlens: %d events, %d shown, %d lost\n", st.Events, st.Written, st.Lost)
	}
	cli.NoteFaults(con, src.Stats())
	return nil
}

// recordedFilter is the filter with the kinds of -e, for which the kernel would
// have been asked.
func (c *watchConfig) recordedFilter() monitor.Filter {
	wanted, kinds := c.filter.Compiled(), c.filter.Sel.Kinds
	switch {
	case kinds == 0:
		return wanted
	case wanted == nil:
		return func(e *monitor.Event) bool { return kinds.Has(e.Kind) }
	}
	return func(e *monitor.Event) bool { return kinds.Has(e.Kind) && wanted(e) }
}

// firstPart ends a recording some time after its first event.
type firstPart struct {
	monitor.Source
	length monitor.Time
	end    monitor.Time
	cut    bool // the recording goes on behind the end
}

func (s *firstPart) Next(ctx context.Context, b *monitor.Batch) error {
	err := s.Source.Next(ctx, b)
	for i := range b.Events {
		t := b.Events[i].Time
		if s.end == 0 && t != 0 {
			s.end = t + s.length
		}
		if s.end != 0 && t > s.end {
			b.Events, s.cut = b.Events[:i], true
			return io.EOF
		}
	}
	return err
}
