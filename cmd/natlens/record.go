//go:build linux

package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"natlens/export"
	"natlens/monitor/kernel"
)

// recordConfig is the command line of record: what watch has, and where the
// recording goes.
type recordConfig struct {
	watch  watchConfig
	path   string
	force  bool
	rotate []string
	keep   int
}

func newRecord(con console) *cobra.Command {
	cfg := recordConfig{watch: watchConfig{filter: filterConfig{labelFile: con.LabelFile}}}
	cmd := &cobra.Command{
		Use:   "record FILE [filter…]",
		Short: "Record what the kernel tells, for replay and for Wireshark",
		Long: `Record each message of the kernel as it sent it, with its time, in a capture file (pcapng) that natlens reads with
--from, and Wireshark and tshark open. Losses are recorded too. The flows that are in the table stand at the
beginning. A name that ends in .gz or .zst has the file packed.`,
		Example: `  natlens record flows.pcapng
  natlens record --rotate 100MiB --rotate 1h --keep 24 flows.pcapng.zst nat`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "" {
				return usagef("record needs the name of a file")
			}
			cfg.path = args[0]
			return cfg.watch.filter.words(cmd, args[1:])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cfg.run(cmd.Context(), con) },
	}
	f := cmd.Flags()
	f.BoolVar(&cfg.force, "force", false, "write over a file that exists")
	f.StringArrayVar(&cfg.rotate, "rotate", nil, "begin a new file after `size|time`, such as 100MiB or 1h; twice for both, whichever comes first")
	f.IntVar(&cfg.keep, "keep", 0, "with --rotate: keep the newest `N` files of this name; 0: all")
	inGroup(f, groupOutput, "force", "rotate", "keep")
	mustComplete(cmd, "rotate", cobra.NoFileCompletions)
	mustComplete(cmd, "keep", cobra.NoFileCompletions)
	cfg.watch.register(cmd)
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

func (c *recordConfig) run(ctx context.Context, con console) error {
	o, err := c.rotation(con)
	if err != nil {
		return err
	}
	return c.watch.run(ctx, con, func(_ *kernel.Config, s *stream) {
		s.open = func() (*output, error) {
			sink, err := export.NewRotation(o)
			if err != nil {
				return nil, err
			}
			return &output{sink: sink, n: countWriter{w: io.Discard}}, nil
		}
	})
}

// maxRotate bounds the size of a file: beyond it, who wants one file leaves
// --rotate out.
const maxRotate = 1 << 50

// rotation reads the flags.
func (c *recordConfig) rotation(con console) (o export.RotationOptions, err error) {
	for _, text := range c.rotate {
		size, isSize := parseSize(text, maxRotate)
		every, err := time.ParseDuration(text)
		switch {
		case isSize && o.Size == 0:
			o.Size = size
		case err == nil && every >= time.Second && o.Every == 0:
			o.Every = every
		case isSize || err == nil && every >= time.Second:
			return o, usagef("--rotate %s: there is a size or a time already", text)
		default:
			return o, usagef("--rotate %s: not a size such as 100MiB, nor a time of a second or more such as 1h", text)
		}
	}
	switch {
	case c.keep < 0:
		return o, usagef("--keep %d: must not be negative", c.keep)
	case c.keep > 0 && len(c.rotate) == 0:
		return o, usagef("--keep needs --rotate")
	case c.force && len(c.rotate) > 0:
		return o, usagef("--force: files of --rotate have names of their own")
	}
	o.Path, o.Keep, o.Notes = c.path, c.keep, con.Stderr
	o.Open = func(path string) (export.Part, error) { return openPart(path, c.force) }
	o.Capture = export.PCAPNGOptions{Application: "natlens " + versionText(), Filter: c.watch.filter.text()}
	return o, nil
}
