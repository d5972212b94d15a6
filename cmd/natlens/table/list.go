package table

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

// listConfig is the command line of list.
type listConfig struct {
	output  cli.OutputFlags
	capture cli.CaptureFlags
	from    cli.FromFlags
	filter  cli.FilterFlags

	table   string
	count   uint64
	zero    bool
	quiet   bool
	summary bool // count in conntrack(8)'s words
}

func NewList(con cli.Console) *cobra.Command {
	cfg := listConfig{filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "list [filter…]",
		Short: "List the tracked flows",
		Long: `List the flows that are in the connection tracking table now, with what NAT makes of each. The table is
streamed: it never stands in memory, however long it is. It is not a snapshot: flows that come or go meanwhile may or
may not be listed.`,
		Example: `  natlens list tcp dport 443 and snat
  natlens list -o conntrack,id -p udp -s 192.168.77.2
  natlens list -o csv --output flows.csv
  natlens list --from flows.jsonl --at 14:32 snat`,
		Args: cfg.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.from.Given() {
				return cfg.replay(cmd, cfg.filter.Named(con))
			}
			return cfg.run(cmd.Context(), cfg.filter.Named(con))
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.table, "table", "conntrack", "list this `table`: conntrack, dying or unconfirmed")
	f.Uint64Var(&cfg.count, "count", 0, "end after `N` flows")
	f.BoolVarP(&cfg.zero, "zero", "z", false, "set the counters of each flow to zero as it is listed")
	f.BoolVar(&cfg.quiet, "quiet", false, "no count of the flows on stderr")
	cli.RegisterSummary(cmd, &cfg.summary)
	cli.MustComplete(cmd, "table", cli.OneOf("conntrack", "dying", "unconfirmed"))
	cli.MustComplete(cmd, "count", cobra.NoFileCompletions)
	cfg.output.Register(cmd)
	cfg.capture.RegisterNetNS(cmd)
	cfg.capture.AllowEvery(cmd)
	cfg.from.Register(cmd)
	cfg.from.RegisterAt(cmd)
	cfg.filter.Register(cmd)
	cfg.filter.RegisterLabelMap(cmd)
	return cmd
}
