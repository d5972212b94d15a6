package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
)

// fromConfig says which recording stands in for the kernel.
type fromConfig struct {
	paths []string
	at    string
}

func (c *fromConfig) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&c.paths, "from", nil, "read this recording instead of the kernel: a `file` of JSON lines or a netlink capture, plain or packed, - for standard input; again for one that follows")
}

func (c *fromConfig) registerAt(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.at, "at", "", "with --from: the flows of this `moment`: "+momentHelp+" (default the end)")
	mustComplete(cmd, "at", cobra.NoFileCompletions)
}

// given reports whether a recording is asked for, and be it by a moment of one.
func (c *fromConfig) given() bool { return len(c.paths) > 0 || c.at != "" }

// kernelFlags ask the kernel for something, which a recording can't give.
var kernelFlags = []string{"capture", "buffer-size", "ring", "netns", "resync", "existing", "explain-filter", "table", "zero", "metrics", "history", "keep", "max-size"}

// check refuses flags of the kernel's beside --from.
func (c *fromConfig) check(cmd *cobra.Command) (err error) {
	if len(c.paths) == 0 {
		return usagef("--at needs a recording: --from FILE")
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(kernelFlags, f.Name) && err == nil {
			err = usagef("--%s is for the kernel: not together with --from", f.Name)
		}
	})
	return err
}

// recording is the one that --from names. ctx ends the reading of standard input.
func (c *fromConfig) recording(ctx context.Context, con console, cfg replay.Config) (*replay.Recording, error) {
	cfg.Formats = export.Readers()
	if !slices.Contains(c.paths, "-") {
		return replay.File(cfg, c.paths...), nil
	}
	if len(c.paths) > 1 {
		return nil, usagef("--from -: standard input stands alone")
	}
	// A read of standard input can't be called off: it goes on beside the run,
	// and ends with the process.
	in, out := io.Pipe()
	go func() {
		_, err := io.Copy(out, con.Stdin)
		out.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	return replay.Stream(cfg, "standard input", in), nil
}

// replay streams the recording through the filter to the output: the same events,
// the same lines.
func (c *watchConfig) replay(cmd *cobra.Command, con console) error {
	if err := c.from.check(cmd); err != nil {
		return err
	}
	if c.duration < 0 {
		return usagef("--for %s: must not be negative", c.duration)
	}
	has := c.filter.sel.Kinds.Has
	if err := c.findings.check(!c.raw, has(monitor.KindNew) && has(monitor.KindUpdate) && has(monitor.KindDestroy)); err != nil {
		return err
	}
	if err := c.output.check(); err != nil {
		return err
	}
	c.output.filter = c.filter.text()
	table := table.New(table.Config{Memoryless: c.raw || !has(monitor.KindNew) || !has(monitor.KindDestroy)})
	var out *output
	namespaces := new(monitor.Namespaces)
	c.output.namespaces, c.filter.env.Namespaces = namespaces, namespaces
	rec, err := c.from.recording(cmd.Context(), con, replay.Config{Zstd: unpackZstd, Namespaces: namespaces, Locals: func(l *monitor.Locals) {
		table.SetLocals(l)
		out.locals(l)
	}})
	if err != nil {
		return err
	}
	src, err := rec.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	c.output.recorded = true
	if out, err = c.output.open(con, nil); err != nil {
		return err
	}
	m := &loop.Loop{Source: src, Filter: c.recordedFilter(), Sinks: []monitor.Sink{out.sink}, Count: c.count}
	if !src.Remembers() || c.findings.on {
		m.Table = table // a capture tells what the messages do, and no more
	}
	if c.duration > 0 {
		m.Source = &firstPart{Source: src, length: monitor.Time(c.duration)}
	}
	if c.findings.on {
		c.lookIn(m, con, out.sink)
	}
	if err := errors.Join(m.Run(cmd.Context()), out.Close()); err != nil {
		return err
	}
	switch st := m.Stats(); {
	case c.summary:
		tellDone(con, true, st.Written, "flow event", "shown")
	case !c.quiet:
		fmt.Fprintf(con.Stderr, "natlens: %d events, %d shown, %d lost\n", st.Events, st.Written, st.Lost)
	}
	noteFaults(con, src.Stats())
	return nil
}

// recordedFilter is the filter with the kinds of -e, for which the kernel would
// have been asked.
func (c *watchConfig) recordedFilter() monitor.Filter {
	wanted, kinds := c.filter.compiled(), c.filter.sel.Kinds
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

// noteFaults says on stderr what could not be read: whoever looks at the rest must
// know.
func noteFaults(con console, st replay.Stats) {
	if st.Bad > 0 {
		fmt.Fprintf(con.Stderr, "natlens: %d could not be read, the first: %v\n", st.Bad, st.First)
	}
	if st.Cut != nil {
		fmt.Fprintf(con.Stderr, "natlens: the recording was cut off: %v\n", st.Cut)
	}
}

// flowsAt are the flows of the recording at the moment that --at names.
func (c *fromConfig) flowsAt(cmd *cobra.Command, con console, namespaces *monitor.Namespaces) (monitor.Source, error) {
	if err := c.check(cmd); err != nil {
		return nil, err
	}
	table := table.New(table.Config{})
	rec, err := c.recording(cmd.Context(), con, replay.Config{Zstd: unpackZstd, Locals: table.SetLocals, Namespaces: namespaces})
	if err != nil {
		return nil, err
	}
	until, err := c.moment(rec)
	if err != nil {
		return nil, err
	}
	src, err := rec.Open()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	last, err := replay.Fill(cmd.Context(), src, table, until)
	if err != nil {
		return nil, err
	}
	noteFaults(con, src.Stats())
	return replay.Flows(table, max(last, until)), nil
}

// moment reads --at; 0 is the end.
func (c *fromConfig) moment(rec *replay.Recording) (monitor.Time, error) {
	if c.at == "" {
		return 0, nil
	}
	if c.paths[0] == "-" {
		return 0, usagef("--at needs a file: standard input is read once")
	}
	begin, end, err := rec.Span()
	if err != nil {
		return 0, err
	}
	if begin == 0 && end == 0 {
		return 0, fmt.Errorf("--at %s: the recording tells of no event", c.at)
	}
	t, err := parseMoment(c.at, begin.Time(), end.Time(), time.Local)
	if err != nil {
		return 0, usagef("--at %s: %w", c.at, err)
	}
	return monitor.Time(t.UnixNano()), nil
}

// replay lists the flows of the recording at a moment.
func (c *listConfig) replay(cmd *cobra.Command, con console) error {
	if c.filter.sel.Kinds != 0 {
		return usagef("--event-mask asks for kinds of events: natlens watch has them")
	}
	if err := c.output.check(); err != nil {
		return err
	}
	namespaces := new(monitor.Namespaces)
	c.output.namespaces, c.filter.env.Namespaces = namespaces, namespaces
	flows, err := c.from.flowsAt(cmd, con, namespaces)
	if err != nil {
		return err
	}
	c.output.recorded = true
	out, err := c.output.open(con, nil)
	if err != nil {
		return err
	}
	m := &loop.Loop{Source: flows, Filter: c.filter.compiled(), Sinks: []monitor.Sink{out.sink}, Count: c.count}
	if err := errors.Join(m.Run(cmd.Context()), out.Close()); err != nil {
		return err
	}
	if !c.quiet {
		tellDone(con, c.summary, m.Stats().Written, "flow", "shown")
	}
	return nil
}

// replay draws the flows of the recording at a moment.
func (c *explainConfig) replay(cmd *cobra.Command, con console) error {
	c.filter.env.Namespaces = new(monitor.Namespaces)
	flows, err := c.from.flowsAt(cmd, con, c.filter.env.Namespaces)
	if err != nil {
		return err
	}
	return c.explain(cmd.Context(), con, flows, nil, "no flow of the recording was there then")
}
