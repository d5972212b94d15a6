//go:build linux

package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/export/pcapng"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/human"
)

// recordConfig is the command line of record: what watch has, and where the
// recording goes.
type recordConfig struct {
	watch  watchConfig
	path   string
	force  bool
	rotate []string
	files  int // of --keep
}

func newRecord(con cli.Console) *cobra.Command {
	cfg := recordConfig{watch: watchConfig{filter: cli.FilterFlags{LabelFile: con.LabelFile}}}
	cmd := &cobra.Command{
		Use:   "record [FILE] [filter…]",
		Short: "Record what the kernel tells, for replay and for Wireshark",
		Long: `Record each message of the kernel as it sent it, with its time, in a capture file (pcapng) that natlens reads with
--from, and Wireshark and tshark open. Losses are recorded too. The flows that are in the table stand at the
beginning. A name that ends in .gz or .zst has the file packed.

With --history DIR, a log of all translations is kept beside the recording, or with no FILE instead of it: a row for
each flow that NAT rewrote, for natlens who. Where there is no FILE, filters are given by conntrack(8)'s flags.`,
		Example: `  natlens record flows.pcapng
  natlens record --rotate 100MiB --rotate 1h --keep 24 flows.pcapng.zst nat
  natlens record --history /var/lib/natlens --keep 90d --max-size 50GB`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && cfg.watch.history.Given() {
				return cfg.watch.filter.Words(cmd, nil)
			}
			if len(args) == 0 || args[0] == "" {
				return cli.Usagef("record needs the name of a file, or --history")
			}
			cfg.path = args[0]
			return cfg.watch.filter.Words(cmd, args[1:])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cfg.run(cmd.Context(), con) },
	}
	f := cmd.Flags()
	f.BoolVar(&cfg.force, "force", false, "write over a file that exists")
	f.StringArrayVar(&cfg.rotate, "rotate", nil, "begin a new file after `size|time`, such as 100MiB or 1h; twice for both, whichever comes first")
	cli.InGroup(f, cli.GroupOutput, "force", "rotate")
	cli.MustComplete(cmd, "rotate", cobra.NoFileCompletions)
	cfg.watch.Register(cmd)
	cfg.watch.history.Register(cmd, "with --rotate: keep the newest `N|time` files of this name, such as 24; with --history: keep what ended less than this time ago, such as 90d; twice for both")
	f.Lookup("existing").DefValue = "true"
	f.Lookup("existing").Usage = "the flows that are in the table first, then the events; --existing=false leaves them out"
	cfg.watch.existing = true
	complete := cmd.ValidArgsFunction
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return complete(cmd, args[1:], typed)
	}
	return cmd
}

func (c *recordConfig) run(ctx context.Context, con cli.Console) error {
	if c.watch.capture.Every() && c.path != "" {
		return cli.Usagef("--netns all: a recording is of one network namespace; natlens watch --netns all -o jsonl --output FILE tells of all")
	}
	kept, files, err := c.watch.history.Config()
	if err != nil {
		return err
	}
	kept.Namespace = c.watch.capture.NamespaceName()
	c.files = files
	o, err := c.rotation(con)
	if err == nil && kept.Dir != "" {
		err = c.watch.historyNeeds()
	}
	if err != nil {
		return err
	}
	c.watch.history.Keep = nil // they were read here
	return c.watch.run(ctx, con, func(_ *capture.Config, s *stream) {
		kept.Names = s.namespaces
		s.history, s.logged = kept, s.filter
		s.open = func() (*cli.Output, error) {
			if c.path == "" {
				return &cli.Output{Sink: nowhere{}, N: cli.CountWriter{W: io.Discard}}, nil
			}
			sink, err := export.NewRotation(o)
			if err != nil {
				return nil, err
			}
			return &cli.Output{Sink: sink, N: cli.CountWriter{W: io.Discard}}, nil
		}
	})
}

// nowhere is the sink of a run that keeps a history alone.
type nowhere struct{}

func (nowhere) Write(*monitor.Batch) error { return nil }
func (nowhere) Close() error               { return nil }

// minRotate is the least size of a file: below it a unit was forgotten.
const minRotate = 4 << 10

// rotation reads the flags.
func (c *recordConfig) rotation(con cli.Console) (o export.RotationOptions, err error) {
	for _, text := range c.rotate {
		size, isSize := cli.ParseSize(text, cli.MaxSize)
		every, err := time.ParseDuration(text)
		switch {
		case isSize && size < minRotate:
			return o, cli.Usagef("--rotate %s: %s; a file has 4KiB at least, and a time a unit such as 1h", text, human.Plural(size, "byte"))
		case isSize && o.Size == 0:
			o.Size = size
		case err == nil && every >= time.Second && o.Every == 0:
			o.Every = every
		case isSize || err == nil && every >= time.Second:
			return o, cli.Usagef("--rotate %s: there is a size or a time already", text)
		default:
			return o, cli.Usagef("--rotate %s: not a size such as 100MiB, nor a time of a second or more such as 1h", text)
		}
	}
	switch {
	case c.path == "" && (len(c.rotate) > 0 || c.force):
		return o, cli.Usagef("--rotate and --force are for a recording: record FILE")
	case c.files > 0 && len(c.rotate) == 0:
		return o, cli.Usagef("--keep %d: a number of files needs --rotate", c.files)
	case c.force && len(c.rotate) > 0:
		return o, cli.Usagef("--force: files of --rotate have names of their own")
	}
	o.Path, o.Keep, o.Notes = c.path, c.files, con.Stderr
	o.Open = func(path string) (export.Part, error) { return openPart(path, c.force) }
	o.Capture = pcapng.Options{Application: "natlens " + cli.VersionText(), Filter: c.watch.filter.Text()}
	return o, nil
}
