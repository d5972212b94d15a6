//go:build linux

package watch

import (
	"context"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

// recordOptions are the flags of record: those of watch, and those of the file.
type recordOptions struct {
	Options
	path  string
	force bool
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
of the file. With --process, both have the process or container of this host that a flow belongs to.`,
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
	cli.InGroup(f, cli.GroupOutput, "force")
	o.output.RegisterRotate(cmd)
	cli.RegisterGateway(cmd, &o.output.Gateway)
	o.register(cmd)
	o.history.Register(cmd, cli.KeepFilesHelp)
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
	o.output.Record(o.path, o.force)
	if o.Capture.Every() && o.output.Format == "pcapng" {
		return cli.Usagef("--netns all: a pcapng file contains one network namespace; for all name the file " +
			"FILE.jsonl")
	}
	o.logSelected = true
	return o.Run(ctx, con, nil)
}
