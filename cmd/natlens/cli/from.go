package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/annotate"
	"natlens/monitor/replay"
	"natlens/monitor/table"
)

// FromFlags are the recordings that a command reads instead of the kernel.
type FromFlags struct {
	Paths            []string
	at, since, until string
}

// Register adds --from.
func (c *FromFlags) Register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&c.Paths, "from", nil, "read this recording instead of the kernel: a `file` of JSON "+
		"lines or a netlink capture, plain or compressed; - for standard input; may be repeated")
}

func (c *FromFlags) registerAt(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.at, "at", "", "with --from: the flows that existed at this `time`: "+MomentHelp+
		" (default the end). 14:32 is 14:32:00; without a date it is the last one before the end")
}

// RegisterSpan adds --since and --until.
func (c *FromFlags) RegisterSpan(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.since, "since", "", "with --from: begin at this `time`: "+MomentHelp)
	cmd.Flags().StringVar(&c.until, "until", "", "with --from: end at this `time`, in the same forms; without a date "+
		"it is the first one after --since")
}

// Given reports whether a recording is read.
func (c *FromFlags) Given() bool { return len(c.Paths) > 0 || c.at+c.since+c.until != "" }

// kernelFlags are flags that a recording does not support.
var kernelFlags = []string{"capture", "buffer-size", "ring", "netns", "resync", "existing", "explain-filter",
	"table", "zero", "metrics", "interim", "history", "keep", "max-size", "process"}

// Check rejects --at, --since and --until without a recording, and kernelFlags with one.
func (c *FromFlags) Check(cmd *cobra.Command) (err error) {
	switch {
	case len(c.Paths) == 0 && c.at != "":
		return Usagef("--at needs a recording: --from FILE")
	case len(c.Paths) == 0:
		return Usagef("--since and --until need a recording: --from FILE")
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(kernelFlags, f.Name) && err == nil {
			err = Usagef("--%s is for the kernel: not together with --from", f.Name)
		}
	})
	return err
}

// Recording returns the recording of --from. The end of ctx ends the reading of standard input
// and of a pipe.
func (c *FromFlags) Recording(ctx context.Context, con Console, cfg replay.Config) (*replay.Recording, error) {
	cfg = export.Reading(cfg)
	if slices.Contains(c.Paths, "-") {
		if len(c.Paths) > 1 {
			return nil, Usagef("--from -: standard input can't be combined with other recordings")
		}
		return stream(ctx, cfg, "standard input", func() (io.Reader, error) { return con.Stdin, nil }), nil
	}
	if st, err := os.Stat(c.Paths[0]); err == nil && st.Mode()&fs.ModeNamedPipe != 0 && len(c.Paths) == 1 {
		open := func() (io.Reader, error) { return os.Open(c.Paths[0]) }
		return stream(ctx, cfg, filepath.Base(c.Paths[0]), open), nil
	}
	return replay.File(cfg, c.Paths...), nil
}

// stream returns a recording that can be read once. Opening a pipe and reading standard input
// cannot be cancelled: they continue until the process ends.
func stream(ctx context.Context, cfg replay.Config, name string, open func() (io.Reader, error)) *replay.Recording {
	in, out := io.Pipe()
	go func() {
		r, err := open()
		if err == nil {
			_, err = io.Copy(out, r)
		}
		out.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { out.CloseWithError(ctx.Err()) })
	return replay.Stream(cfg, name, in)
}

// NoteFaults reports on standard error what could not be read.
func NoteFaults(con Console, st replay.Stats) {
	if st.Bad > 0 {
		fmt.Fprintf(con.Stderr, "natlens: %d could not be read, the first: %v\n", st.Bad, st.First)
	}
	if st.Cut != nil {
		fmt.Fprintf(con.Stderr, "natlens: the recording was cut off: %v\n", st.Cut)
	}
}

// flowsAt returns the flows of the recording at the time of --at.
func (c *FromFlags) flowsAt(cmd *cobra.Command, con Console,
	namespaces *monitor.Namespaces) (iter.Seq2[*monitor.Batch, error], error) {
	if err := c.Check(cmd); err != nil {
		return nil, err
	}
	table := table.New(table.Config{})
	rec, err := c.Recording(cmd.Context(), con, replay.Config{Locals: table.SetLocals,
		Namespaces: namespaces})
	if err != nil {
		return nil, err
	}
	until, err := Moment(rec, "--at", c.at)
	if err != nil {
		return nil, err
	}
	src, err := rec.Open()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	var known annotate.Known
	last, err := replay.Fill(cmd.Context(), src, func(b *monitor.Batch) { table.Apply(b); known.Batch(b) }, until)
	if err != nil {
		return nil, err
	}
	NoteFaults(con, src.Stats())
	return replay.Flows(table, max(last, until), known.Of), nil
}

// Moment reads the value of a flag as a time within a recording; "" is 0.
func Moment(rec *replay.Recording, flag, text string) (monitor.Time, error) {
	if text == "" {
		return 0, nil
	}
	begin, end, err := span(rec, flag, text)
	if err != nil {
		return 0, err
	}
	t, err := parseTimeWithin(text, begin, end, time.Local)
	if err != nil {
		return 0, Usagef("%s %s: %w", flag, text, err)
	}
	return monitor.Time(t.UnixNano()), nil
}

// span returns the first and the last time of a recording.
func span(rec *replay.Recording, flag, text string) (begin, end time.Time, err error) {
	from, to, err := rec.Span()
	switch {
	case errors.Is(err, replay.ErrOnce):
		return begin, end, Usagef("%s needs a file: standard input is read once", flag)
	case err == nil && from == 0 && to == 0:
		err = fmt.Errorf("%s %s: the recording has no event", flag, text)
	}
	return from.Time(), to.Time(), err
}

// Span reads --since and --until. 0 means the beginning and the end of the recording.
func (c *FromFlags) Span(rec *replay.Recording) (since, until monitor.Time, err error) {
	if since, err = Moment(rec, "--since", c.since); err != nil || c.until == "" {
		return since, 0, err
	}
	begin, end, err := span(rec, "--until", c.until)
	if err != nil {
		return 0, 0, err
	}
	from, last := begin, end
	if since != 0 {
		from = since.Time()
	}
	if c.until[0] != '-' && c.until != "now" { // a time of day is in the day after from
		last = from.AddDate(0, 0, 1)
	}
	t, _, err := ParseTime(c.until, begin, last, time.Local)
	switch {
	case err != nil:
		return 0, 0, Usagef("--until %s: %w %s", c.until, err, MomentHelp)
	case !t.After(from):
		return 0, 0, Usagef("--until %s: must be after --since and the beginning of the recording", c.until)
	}
	return since, monitor.Time(t.UnixNano()), nil
}

// Command returns the command line that shows the flows of a finding. For a recording that is
// always watch.
func (c *FromFlags) Command(_ monitor.NetNS, args ...string) string {
	words := []string{"natlens", "watch"}
	for _, path := range c.Paths {
		words = append(words, "--from", path)
	}
	return monitor.ShellLine(append(words, args[1:]...)...)
}
