package main

import (
	"time"

	"github.com/spf13/cobra"
)

// watchConfig is the command line of watch.
type watchConfig struct {
	output   outputConfig
	capture  captureConfig
	from     fromConfig
	filter   filterConfig
	metrics  metricsConfig
	findings findingsConfig
	history  historyConfig

	count    uint64
	duration time.Duration
	existing bool
	resync   string
	quiet    bool
	explain  bool
	raw      bool // the messages as they are, nothing remembered
	summary  bool // count in conntrack(8)'s words
}

func newWatch(con console) *cobra.Command {
	cfg := watchConfig{filter: filterConfig{labelFile: con.LabelFile}}
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
		Args: cfg.filter.words,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.from.given() {
				return cfg.replay(cmd, cfg.filter.named(con))
			}
			return cfg.run(cmd.Context(), con, nil)
		},
	}
	cfg.register(cmd)
	cfg.history.register(cmd, keepHistoryHelp)
	cfg.output.register(cmd)
	cfg.from.register(cmd)
	return cmd
}

func (c *watchConfig) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Uint64Var(&c.count, "count", 0, "end after `N` events")
	f.DurationVar(&c.duration, "for", 0, "end after this `time`, such as 10s or 5m")
	f.BoolVar(&c.existing, "existing", false, "the flows that are in the table first, then the events")
	f.StringVar(&c.resync, "resync", "on", "keep a table of flows, reconcile it with the kernel's after a loss and tell what changed; off: the raw stream, nothing remembered: `on|off`")
	f.BoolVar(&c.explain, "explain-filter", false, "print which part of the filter runs in the kernel and which here, and end")
	f.BoolVar(&c.quiet, "quiet", false, "no notes and no summary on stderr")
	f.BoolVar(&c.raw, "raw", false, "the messages as they are")
	f.Lookup("raw").Hidden = true
	registerSummary(cmd, &c.summary)
	c.filter.registerLabelMap(cmd)
	mustComplete(cmd, "resync", oneOf("on", "off"))
	mustComplete(cmd, "count", cobra.NoFileCompletions)
	mustComplete(cmd, "for", cobra.NoFileCompletions)
	c.capture.register(cmd)
	c.capture.allowEvery(cmd)
	c.filter.register(cmd)
	c.metrics.register(cmd)
	c.findings.register(cmd)
}
