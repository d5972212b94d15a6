package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"natlens/export"
	"natlens/monitor"
	"natlens/monitor/replay"
	"natlens/monitor/table"
)

// FromFlags says which recording stands in for the kernel.
type FromFlags struct {
	Paths []string
	at    string
}

func (c *FromFlags) Register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&c.Paths, "from", nil, "read this recording instead of the kernel: a `file` of JSON lines or a netlink capture, plain or packed, - for standard input; again for one that follows")
}

func (c *FromFlags) RegisterAt(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.at, "at", "", "with --from: the flows of this `moment`: "+MomentHelp+" (default the end)")
	MustComplete(cmd, "at", cobra.NoFileCompletions)
}

// Given reports whether a recording is asked for, and be it by a moment of one.
func (c *FromFlags) Given() bool { return len(c.Paths) > 0 || c.at != "" }

// kernelFlags ask the kernel for something, which a recording can't give.
var kernelFlags = []string{"capture", "buffer-size", "ring", "netns", "resync", "existing", "explain-filter", "table", "zero", "metrics", "history", "keep", "max-size"}

// Check refuses flags of the kernel's beside --from.
func (c *FromFlags) Check(cmd *cobra.Command) (err error) {
	if len(c.Paths) == 0 {
		return Usagef("--at needs a recording: --from FILE")
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(kernelFlags, f.Name) && err == nil {
			err = Usagef("--%s is for the kernel: not together with --from", f.Name)
		}
	})
	return err
}

// Recording is the one that --from names. ctx ends the reading of standard input.
func (c *FromFlags) Recording(ctx context.Context, con Console, cfg replay.Config) (*replay.Recording, error) {
	cfg.Formats = export.Readers()
	if !slices.Contains(c.Paths, "-") {
		return replay.File(cfg, c.Paths...), nil
	}
	if len(c.Paths) > 1 {
		return nil, Usagef("--from -: standard input stands alone")
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

// NoteFaults says on stderr what could not be read: whoever looks at the rest must
// know.
func NoteFaults(con Console, st replay.Stats) {
	if st.Bad > 0 {
		fmt.Fprintf(con.Stderr, "natlens: %d could not be read, the first: %v\n", st.Bad, st.First)
	}
	if st.Cut != nil {
		fmt.Fprintf(con.Stderr, "natlens: the recording was cut off: %v\n", st.Cut)
	}
}

// FlowsAt are the flows of the recording at the moment that --at names.
func (c *FromFlags) FlowsAt(cmd *cobra.Command, con Console, namespaces *monitor.Namespaces) (monitor.Source, error) {
	if err := c.Check(cmd); err != nil {
		return nil, err
	}
	table := table.New(table.Config{})
	rec, err := c.Recording(cmd.Context(), con, replay.Config{Zstd: UnpackZstd, Locals: table.SetLocals, Namespaces: namespaces})
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
	NoteFaults(con, src.Stats())
	return replay.Flows(table, max(last, until)), nil
}

// moment reads --at; 0 is the end.
func (c *FromFlags) moment(rec *replay.Recording) (monitor.Time, error) {
	if c.at == "" {
		return 0, nil
	}
	if c.Paths[0] == "-" {
		return 0, Usagef("--at needs a file: standard input is read once")
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
		return 0, Usagef("--at %s: %w", c.at, err)
	}
	return monitor.Time(t.UnixNano()), nil
}

// UnpackZstd reads what is packed with zstd, in bounded memory and without a
// goroutine of its own.
func UnpackZstd(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderLowmem(true))
}

// Command writes what shows the flows of a finding in the recording. Nothing can
// be deleted there, and at its end they may be gone: watch has them in any case.
func (c *FromFlags) Command(_ monitor.NetNS, args ...string) string {
	words := []string{"natlens", "watch"}
	for _, path := range c.Paths {
		words = append(words, "--from", path)
	}
	return ShellLine(append(words, args[1:]...))
}
