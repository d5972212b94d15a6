//go:build linux

package watch

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/export/jsonl"
	"natlens/export/pcapng"
	"natlens/monitor"
	"natlens/monitor/human"
)

// recordOptions are the flags of record: those of watch, and those of the file.
type recordOptions struct {
	Options
	path   string
	force  bool
	rotate []string
	files  int // how many files --keep allows; 0: no limit
}

// NewRecord returns the command record.
func NewRecord(con cli.Console) *cobra.Command {
	o := recordOptions{Options: Options{Filter: cli.FilterFlags{LabelFile: con.LabelFile}}}
	cmd := &cobra.Command{
		Use:   "record [FILE] [filter…]",
		Short: "Record the kernel's messages, for replay and for Wireshark",
		Long: `Record the kernel's messages, unchanged and with their times, in a capture file (pcapng). natlens reads
it with --from, and Wireshark and tshark open it. The file also contains losses. The recording begins with the flows
that are in the table. If the name ends in .gz or .zst, the file is compressed. If it ends in .jsonl, .jsonl.gz or
.jsonl.zst, the file has JSON lines. Only these contain several network namespaces (--netns all).

With --history DIR, natlens also keeps a log of all translations for natlens who: a row for each flow that NAT
rewrites. Without FILE it keeps only this log. Then give the filter as flags, because the first word is the name
of the file.`,
		Example: `  natlens record flows.pcapng
  natlens record flows.jsonl.zst --netns all
  natlens record --rotate 100MiB --rotate 1h --keep 24 flows.pcapng.zst nat
  natlens record --history /var/lib/natlens --keep 90d --max-size 50GB`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && o.history.Given() {
				return o.Filter.Words(cmd, nil)
			}
			if len(args) == 0 || args[0] == "" {
				return cli.Usagef("record needs the name of a file, or --history")
			}
			o.path = args[0]
			return o.Filter.Words(cmd, args[1:])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), con) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.force, "force", false, "overwrite an existing file")
	f.StringArrayVar(&o.rotate, "rotate", nil,
		"start a new file at this `limit`: a size such as 100MiB, or a time such as 1h; give it twice for both")
	cli.InGroup(f, cli.GroupOutput, "force", "rotate")
	cli.MustComplete(cmd, "rotate", cobra.NoFileCompletions)
	o.register(cmd)
	o.history.Register(cmd, "keep up to this `limit`: with --rotate a number of files, such as 24; with --history the "+
		"time since a translation ended, such as 90d; give it twice for both")
	f.Lookup("existing").DefValue = "true"
	f.Lookup("existing").Usage = "begin with the flows that are in the table; " +
		"--existing=false omits them"
	o.existing = true
	complete := cmd.ValidArgsFunction
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) (
		[]cobra.Completion, cobra.ShellCompDirective,
	) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return complete(cmd, args[1:], typed)
	}
	return cmd
}

func (o *recordOptions) run(ctx context.Context, con cli.Console) error {
	if o.Capture.Every() && o.path != "" && !o.lines() {
		return cli.Usagef("--netns all: a pcapng file contains one network namespace; for all name the file " +
			"FILE.jsonl")
	}
	kept, files, err := o.history.Config()
	if err != nil {
		return err
	}
	o.files = files
	rotation, err := o.rotation(con)
	if err != nil {
		return err
	}
	o.kept, o.logSelected = &kept, true
	o.open = func() (*cli.Output, error) {
		out := &cli.Output{Sink: nowhere{}, N: cli.CountWriter{W: io.Discard}}
		if o.path == "" {
			return out, nil
		}
		out.Sink, err = export.NewRotation(rotation)
		return out, err
	}
	return o.Run(ctx, con, nil)
}

// lines reports whether the recording has JSON lines: its name ends in .jsonl, .jsonl.gz or .jsonl.zst.
func (o *recordOptions) lines() bool {
	name := strings.TrimSuffix(strings.TrimSuffix(o.path, ".gz"), ".zst")
	return strings.HasSuffix(name, ".jsonl")
}

// nowhere is the sink of a run that keeps only a history. It drops all batches.
type nowhere struct{}

func (nowhere) Write(*monitor.Batch) error { return nil }
func (nowhere) Close() error               { return nil }

// minRotate is the smallest size for --rotate, in bytes. A smaller number has probably lost its unit.
const minRotate = 4 << 10

// rotation returns the options of the recording. It returns a usage error if flags are wrong or contradict each other.
func (o *recordOptions) rotation(con cli.Console) (to export.RotationOptions, err error) {
	for _, text := range o.rotate {
		size, noSize := cli.ParseSize(text, cli.MaxSize)
		isSize := noSize == nil
		every, err := time.ParseDuration(text)
		switch {
		case isSize && size < minRotate:
			return to, cli.Usagef("--rotate %s: %s; must be at least 4KiB, or a time with a unit such as 1h",
				text, human.Plural(size, "byte"))
		case isSize && to.Size == 0:
			to.Size = size
		case err == nil && every >= time.Second && to.Every == 0:
			to.Every = every
		case isSize || err == nil && every >= time.Second:
			return to, cli.Usagef("--rotate %s: give at most one size and one time", text)
		default:
			return to, cli.Usagef("--rotate %s: not a size such as 100MiB, nor a time of a second or more such as 1h",
				text)
		}
	}
	switch {
	case o.path == "" && (len(o.rotate) > 0 || o.force):
		return to, cli.Usagef("--rotate and --force need a recording: record FILE")
	case o.files > 0 && len(o.rotate) == 0:
		return to, cli.Usagef("--keep %d: a number of files needs --rotate", o.files)
	case o.force && len(o.rotate) > 0:
		return to, cli.Usagef("--force is not needed with --rotate: each file has a new name")
	}
	to.Path, to.Keep, to.Notes = o.path, o.files, con.Stderr
	to.Open = func(path string) (export.Part, error) { return export.CreatePart(path, o.force) }
	if o.lines() {
		to.Sink = func(w io.Writer) monitor.Sink {
			sink := jsonl.NewWriter(w)
			sink.Namespaces, sink.Places = o.output.Namespaces, o.Filter.Env.Places
			return sink
		}
	}
	to.Capture = pcapng.Options{Application: "natlens " + cli.VersionText(), Filter: o.Filter.Text()}
	return to, nil
}
