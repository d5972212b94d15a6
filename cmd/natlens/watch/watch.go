// Package watch has the commands that write events: watch, from the kernel or from a recording,
// and record.
package watch

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
	"natlens/export/history"
	"natlens/export/syslog"
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/loop"
)

// Options has the flags of watch.
type Options struct {
	Capture    cli.CaptureFlags
	Filter     cli.FilterFlags
	Metrics    cli.MetricsFlags
	Thresholds cli.ThresholdFlags // of the findings

	output  cli.OutputFlags
	from    cli.FromFlags
	history cli.HistoryFlags

	findings bool
	log      syslog.Target // also for findings
	end      cli.EndFlags
	existing bool
	interim  time.Duration
	resync   bool
	quiet    bool
	explain  bool
	raw      bool // the messages as they are, without remembered attributes
	summary  bool // print counts in conntrack(8)'s words

	kept history.Config // the history to write, by the flags: see check

	logSelected bool // the history has only the flows that the filter selects
}

// New returns the command watch.
func New(con cli.Console) *cobra.Command {
	o := Options{Filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "watch [filter…]",
		Short: "Stream connection tracking events",
		Long: `Stream connection tracking events: when a flow begins, changes and ends, with what NAT does to it.
natlens prints readable lines on a terminal, and JSON lines in a pipe.`,
		Example: `  natlens watch tcp dport 443
  natlens watch snat and not dst 10.0.0.0/8
  natlens watch -o jsonl -e new,destroy --for 10s > flows.jsonl
  natlens watch -p tcp --orig-port-dst 443 -o conntrack
  natlens watch --from flows.jsonl --since 14:30 --until 14:35 nat`,
		Args: o.Filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.from.Given() {
				return o.replay(cmd, con)
			}
			return o.Run(cmd.Context(), con, nil)
		},
	}
	o.Register(cmd)
	o.output.RegisterAppend(cmd)
	o.output.RegisterRotate(cmd)
	o.history.Register(cmd, cli.KeepFilesHelp)
	o.from.Register(cmd)
	o.from.RegisterSpan(cmd)
	return cmd
}

// Register adds the flags of a run on the kernel's events.
func (o *Options) Register(cmd *cobra.Command) {
	o.register(cmd)
	o.output.Register(cmd)
}

// register adds the flags that watch and record share.
func (o *Options) register(cmd *cobra.Command) {
	f := cmd.Flags()
	o.end.Register(cmd, "events")
	f.BoolVar(&o.existing, "existing", false, "begin with the flows that are in the table")
	cli.Time(f, &o.interim, "interim", time.Second, "report flows that live longer than this `time`, such as 60s, "+
		"with their counters, every such time")
	o.resync = true
	cli.Choice(f, &o.resync, "resync", "", "keep a table of flows, `on|off`; with on, a loss is followed by what "+
		"changed meanwhile; off is the raw stream without a table", []string{"on", "off"}, true, false)
	o.Filter.RegisterProcess(cmd)
	f.BoolVar(&o.explain, "explain-filter", false,
		"print which part of the filter runs in the kernel and which in natlens, and exit")
	f.BoolVar(&o.quiet, "quiet", false, "no notes and no summary on standard error")
	f.BoolVar(&o.raw, "raw", false, "the messages as they are")
	f.Lookup("raw").Hidden = true
	cli.RegisterSummary(cmd, &o.summary)
	o.Filter.RegisterLabelMap(cmd)
	o.Capture.Register(cmd)
	o.Capture.AllowEvery(cmd)
	o.Filter.Register(cmd)
	o.Metrics.Register(cmd)
	f.BoolVar(&o.findings, "findings", false,
		"also report what is wrong with the traffic; natlens help findings lists the rules")
	f.Var(cli.Value{Read: func(text string) (err error) { o.log, err = syslog.ParseTarget(text); return err },
		Words: []string{"journald", "syslog", "udp://", "tcp://"}}, "findings-to", "also send findings to this `log`: "+
		"journald, syslog (/dev/log), udp://HOST:PORT or tcp://HOST:PORT")
	cli.InGroup(f, cli.GroupOutput, "findings", "findings-to")
	o.Thresholds.Register(cmd)
}

// check rejects values and flags that contradict each other.
func (o *Options) check() error {
	switch {
	case o.interim > 0 && (o.raw || !o.resync):
		return cli.Usagef("--interim needs the table: not together with --resync off")
	case o.interim > 0 && strings.HasPrefix(o.output.Format, "conntrack"):
		return cli.Usagef("--interim: -o %s has no line for interim counters; use pretty, jsonl, csv or pcapng",
			o.output.Format)
	case !o.findings && o.Thresholds.Texts != nil:
		return cli.Usagef("--threshold needs --findings")
	case !o.findings && o.log != syslog.Target{}:
		return cli.Usagef("--findings-to needs --findings")
	case o.findings && (o.raw || !o.resync || !o.everyKind()):
		return cli.Usagef("--findings needs every event of a flow: not together with --resync off or -e; " +
			"use event in the filter instead")
	}
	var files int
	var err error
	if o.kept, files, err = o.history.Config(); err != nil {
		return err
	}
	o.output.Keep(files)
	return o.output.Check()
}

// everyKind reports whether -e includes all kinds of the kernel's events.
func (o *Options) everyKind() bool {
	has := o.Filter.Sel.Kinds.Has
	return has(monitor.KindNew) && has(monitor.KindUpdate) && has(monitor.KindDestroy)
}

// remembers reports whether the run has a table of flows. Without events of new and ended flows
// a table would only grow.
func (o *Options) remembers() bool {
	has := o.Filter.Sel.Kinds.Has
	return !o.raw && o.resync &&
		(o.whole() != "" || o.interim > 0 || has(monitor.KindNew) && has(monitor.KindDestroy))
}

// whole returns why the run needs every event of every flow, whatever the filter selects, or
// "".
func (o *Options) whole() string {
	switch {
	case o.findings:
		return "findings need all flows"
	case o.history.Given():
		return "the history needs all flows"
	case o.Metrics.Address != "":
		return "metrics need all flows"
	}
	return ""
}

// wanted returns the filter for the kinds of -e and of more.
func (o *Options) wanted(more filter.KindSet) monitor.Filter {
	wanted, kinds := o.Filter.Compiled(), o.Filter.Sel.Kinds
	if kinds == 0 {
		return wanted
	}
	kinds |= more | filter.Kinds(monitor.KindInterim)
	if wanted == nil {
		return func(e *monitor.Event) bool { return kinds.Has(e.Kind) }
	}
	return func(e *monitor.Event) bool { return kinds.Has(e.Kind) && wanted(e) }
}

// reportFindings sends findings to the log, or prints them on standard error if the sink has no line for them.
func (o *Options) reportFindings(con cli.Console, l *loop.Loop) error {
	if o.log != (syslog.Target{}) {
		log, err := syslog.Open(o.log, syslog.Options{Namespaces: o.output.Namespaces, Gateway: o.output.Gateway,
			Notes: con.Stderr})
		if err != nil {
			return fmt.Errorf("--findings-to: %w", err)
		}
		l.Sink(log, log.Close)
		return nil
	}
	if _, ok := l.Sinks[0].(monitor.FindingSink); !ok && !o.quiet {
		l.Sinks = append(l.Sinks, export.FindingNotes{W: con.Stderr})
	}
	return nil
}

// note prints a line about the run on standard error.
func (o *Options) note(con cli.Console, format string, args ...any) {
	if !o.quiet {
		fmt.Fprintf(con.Stderr, "natlens: "+format+"\n", args...)
	}
}
