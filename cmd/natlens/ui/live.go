//go:build linux && !noui

package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/who"
	"natlens/export/history"
	"natlens/export/metrics"
	"natlens/monitor"
	"natlens/monitor/annotate"
	"natlens/monitor/filter"
	"natlens/monitor/live"
	"natlens/monitor/loop"
	"natlens/monitor/netns"
	"natlens/monitor/table"
	"natlens/monitor/trace"
	"natlens/tui"
	"natlens/tui/tail"
)

// Options are the flags of the user interface on the kernel's events.
type Options struct {
	screen
	Process    bool // look up processes and containers
	bits       bool // rates in bits per second
	Capture    cli.CaptureFlags
	Metrics    cli.MetricsFlags
	Thresholds cli.ThresholdFlags // of the findings
	history    cli.HistoryFlags
}

// NewOptions returns options without flags, for another command that has these flags itself.
func NewOptions(con cli.Console) *Options { return &Options{screen: screen{con: con}} }

// SetFilter sets the filter with which the user interface begins. The words are joined by
// spaces.
func (o *Options) SetFilter(words []string) { o.filter = strings.Join(words, " ") }

// addRoot makes the root command open the user interface, and adds its flags. Without a
// terminal the command returns a usage error.
func addRoot(con cli.Console, root *cobra.Command) {
	o := NewOptions(con)
	o.register(root)
	o.Capture.Register(root)
	o.Capture.AllowEvery(root)
	root.Flags().BoolVar(&o.Process, "process", false, cli.ProcessHelp)
	o.RegisterBits(root)
	o.history.Register(root, cli.KeepHistoryHelp)
	o.Metrics.Register(root)
	o.Thresholds.Register(root)
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, ok := cli.Terminal(o.con.Stdout); !ok {
			if !o.Capture.Every() {
				file, err := cli.OpenNetNS(o.Capture.Netns)
				if err != nil {
					return err
				}
				_ = file.Close() // of nil too
			}
			return cli.Usagef("standard output is not a terminal: " +
				"natlens watch writes lines, natlens --help lists the commands")
		}
		return o.Run(cmd.Context(), nil)
	}
}

// RegisterBits adds --bits to the command.
func (o *Options) RegisterBits(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.bits, "bits", false, "show rates in bits per second, not bytes")
}

// Run shows the user interface on the kernel's events until the user or ctx ends it. If at is
// not nil, it watches that gateway instead of --netns.
func (o *Options) Run(ctx context.Context, at *cli.Gateway) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	kept, err := o.history.Beside()
	if err != nil {
		return err
	}
	listener, err := o.Metrics.Listen()
	if err != nil {
		return err
	}
	if listener != nil {
		defer listener.Close() // closed already if metrics were served
		fmt.Fprintf(o.con.Stderr, "natlens: %s\n", cli.MetricsText(listener))
	}
	var leftOut atomic.Int32
	names := o.Capture.Namespaces()
	run, err := o.Capture.Open(live.Config{
		Refused:  countRefused(&leftOut),
		Table:    table.Config{Linger: linger, Life: true, Rates: true},
		Existing: loop.ExistingBeside,
		Process:  o.Process || filter.NeedsLocal(o.expr),
	}, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	last := tail.New()
	run.Sink(last, nil)
	run.AddRules(o.Thresholds.Values, true)
	cfg := o.config(run.Loop, last, names)
	if run.Annotator != nil {
		cfg.Env.Local = run.Annotator.Of
	}
	kept.Names, kept.Namespace = names, o.Capture.NamespaceName()
	if cfg.Trouble, err = o.keepHistory(kept, run); err != nil {
		return err
	}
	metrics.ServeRun(listener, run, cli.VersionText())
	cfg.Feed = run.Run
	cfg.Info = tui.Info{Host: hostName(), Capture: run.Capture.Way().String(), Namespace: o.scope(at, &leftOut)}
	if !run.Several() {
		cfg.Info.Max = uint64(run.MaxFlows(0))
	}
	cfg.Deleter, cfg.Refresher, cfg.Bits = run, run, o.bits
	cfg.Rules = func(w *monitor.Walk) (found []monitor.Decision, err error) {
		err = run.In(w.Flow.Orig.NetNS, func(fd int) error {
			rules, err := trace.ReadRules(fd)
			if err == nil {
				found = rules.Decisions(w)
			}
			return err
		})
		return found, err
	}
	cfg.Health, cfg.Findings = liveHealth{run, live.NewHealth(run)}, run.Findings
	cfg.Enter = func(id monitor.NetNS) string { return run.Place(id).Enter() }
	scope := who.Scope{Dir: kept.Dir, NetNS: pathOfFD(run.NetNS()), Called: o.called(at), Table: at != nil}
	if run.Several() {
		scope.NetNS = cli.EveryNetNS
	}
	cfg.Who = who.NewAsker(o.con, scope)
	if at != nil {
		at.Started()
	}
	return tui.Run(ctx, cfg)
}

// countRefused returns a function for live.Config that adds to n each namespace that can't be
// captured.
func countRefused(n *atomic.Int32) func(error) {
	return func(err error) {
		if _, unseen := errors.AsType[netns.UnseenError](err); !unseen && !errors.Is(err, annotate.ErrPtrace) {
			n.Add(1)
		}
	}
}

// scope returns the network namespace for the status line.
func (o *Options) scope(at *cli.Gateway, leftOut *atomic.Int32) string {
	switch n := leftOut.Load(); {
	case at != nil:
		return at.Name
	case o.Capture.Every() && n > 0:
		return fmt.Sprintf("all but %d", n) // those that need more privilege
	}
	return cmp.Or(o.Capture.Netns, netns.Own())
}

// called returns the name by which the page Who calls the table that it queries: the name of a
// namespace, the lab's gateway, or "" for this host.
func (o *Options) called(at *cli.Gateway) string {
	switch name := cmp.Or(o.Capture.Netns, netns.Own()); {
	case at != nil:
		return "the " + at.Name
	case o.Capture.Every() || name == netns.OwnName:
		return ""
	default:
		return name
	}
}

// pathOfFD returns a path to an open network namespace, "" for the caller's (0). It is valid
// while the file is open.
func pathOfFD(netns int) string {
	if netns == 0 {
		return ""
	}
	return fmt.Sprintf("/proc/self/fd/%d", netns)
}

// keepHistory makes the run keep a history, which run.Close closes. trouble returns why the
// history can't be written now, or "". It is nil if no history is kept. Notes are printed to
// standard error after the screen is closed.
func (o *Options) keepHistory(cfg history.Config, run *live.Run) (trouble func() string, err error) {
	if cfg.Dir == "" || !history.Supported {
		return nil, nil
	}
	var notes laterNotes
	log, err := cli.OpenHistory(cfg, &notes)
	if err != nil {
		return nil, err
	}
	run.OnClose(func() error { notes.print(o.con.Stderr); return nil })
	run.Tap(log)
	return log.Trouble, nil
}
