package main

import (
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

// watchConfig is the command line of watch.
type watchConfig struct {
	output   cli.OutputFlags
	capture  cli.CaptureFlags
	from     cli.FromFlags
	filter   cli.FilterFlags
	metrics  cli.MetricsFlags
	findings findingsConfig
	history  cli.HistoryFlags

	count    uint64
	duration time.Duration
	existing bool
	resync   string
	quiet    bool
	explain  bool
	raw      bool // the messages as they are, nothing remembered
	summary  bool // count in conntrack(8)'s words
}

func newWatch(con cli.Console) *cobra.Command {
	cfg := watchConfig{filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "watch [filter…]",
		Short: "Stream connection tracking events",
		Long: `Stream connection tracking events: each flow as it is made, changes and ends, with what NAT does to it.
On a terminal as lines for people, in a pipe as JSON lines.`,
		Example: `  natlens watch tcp dport 443
  natlens watch snat and not dst 10.0.0.0/8
  natlens watch -o jsonl -e new,destroy --for 10s > flows.jsonl
  natlens watch -p tcp --orig-port-dst 443 -o conntrack
  natlens watch --from flows.jsonl nat`,
		Args: cfg.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.from.Given() {
				return cfg.replay(cmd, cfg.filter.Named(con))
			}
			return cfg.run(cmd.Context(), con, nil)
		},
	}
	cfg.Register(cmd)
	cfg.history.Register(cmd, cli.KeepHistoryHelp)
	cfg.output.Register(cmd)
	cfg.from.Register(cmd)
	return cmd
}

func (c *watchConfig) Register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Uint64Var(&c.count, "count", 0, "end after `N` events")
	f.DurationVar(&c.duration, "for", 0, "end after this `time`, such as 10s or 5m")
	f.BoolVar(&c.existing, "existing", false, "the flows that are in the table first, then the events")
	f.StringVar(&c.resync, "resync", "on", "keep a table of flows, reconcile it with the kernel's after a loss and tell what changed; off: the raw stream, nothing remembered: `on|off`")
	f.BoolVar(&c.explain, "explain-filter", false, "print which part of the filter runs in the kernel and which here, and end")
	f.BoolVar(&c.quiet, "quiet", false, "no notes and no summary on stderr")
	f.BoolVar(&c.raw, "raw", false, "the messages as they are")
	f.Lookup("raw").Hidden = true
	cli.RegisterSummary(cmd, &c.summary)
	c.filter.RegisterLabelMap(cmd)
	cli.MustComplete(cmd, "resync", cli.OneOf("on", "off"))
	cli.MustComplete(cmd, "count", cobra.NoFileCompletions)
	cli.MustComplete(cmd, "for", cobra.NoFileCompletions)
	c.capture.Register(cmd)
	c.capture.AllowEvery(cmd)
	c.filter.Register(cmd)
	c.metrics.Register(cmd)
	c.findings.Register(cmd)
}
