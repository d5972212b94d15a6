//go:build linux

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

// Options is the command line of the user interface on the kernel's events.
type Options struct {
	screen
	Process    bool // look up processes and containers
	Capture    cli.CaptureFlags
	Metrics    cli.MetricsFlags
	Thresholds cli.ThresholdFlags // of the findings
	history    cli.HistoryFlags
}

// NewOptions returns the options of a run for which another command has the flags of
// the kernel.
func NewOptions(con cli.Console) *Options { return &Options{screen: screen{con: con}} }

// SetFilter makes a filter the one to begin with.
func (o *Options) SetFilter(words []string) { o.filter = strings.Join(words, " ") }

// AddRoot makes the root command open the user interface.
func AddRoot(con cli.Console, root *cobra.Command) {
	o := NewOptions(con)
	o.register(root)
	o.Capture.Register(root)
	o.Capture.AllowEvery(root)
	root.Flags().BoolVar(&o.Process, "process", false, cli.ProcessHelp)
	o.history.Register(root, cli.KeepHistoryHelp)
	o.Metrics.Register(root)
	o.Thresholds.Register(root)
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, ok := cli.Terminal(o.con.Stdout); !ok {
			return cli.Usagef("standard output is not a terminal: " +
				"natlens watch writes lines, natlens --help lists the commands")
		}
		return o.Run(cmd.Context(), nil)
	}
}

// Run shows the user interface on the kernel's events until the user or ctx ends it.
// at, if not nil, is what it watches in place of --netns.
func (o *Options) Run(ctx context.Context, at *cli.Gateway) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	kept, err := o.history.Beside()
	if err != nil {
		return err
	}
	open, file, err := o.Capture.Config(0)
	if err != nil {
		return err
	}
	defer file.Close() // nil: does nothing
	if at != nil {
		open.NetNS = at.FD
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
	run, err := live.Open(live.Config{
		Capture: open, Names: names, Refused: countRefused(&leftOut),
		Table:    table.Config{Linger: linger, Life: true},
		Existing: loop.ExistingBeside,
		Sudo:     cli.Sudo(),
		Process:  o.Process || filter.NeedsLocal(o.expr),
	})
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
	cfg.Deleter, cfg.Refresher = run, run
	cfg.Rules = func(w *monitor.Walk) (found []monitor.Decision, err error) {
		err = run.In(w.Flow.Orig.NetNS, func(fd int) error {
			rules, err := trace.ReadRules(fd)
			if err == nil {
				found = rules.Probable(w)
			}
			return err
		})
		return found, err
	}
	cfg.Health, cfg.Findings = liveHealth{run, live.NewHealth(run)}, run.Findings
	cfg.Enter = func(id monitor.NetNS) string { return run.Place(id).Enter() }
	scope := who.Scope{Dir: kept.Dir, NetNS: pathOfFD(open.NetNS), Called: o.called(at), Table: at != nil}
	if run.Several() {
		scope.NetNS = cli.EveryNetNS
	}
	cfg.Who = who.NewAsker(o.con, scope)
	if at != nil {
		at.Started()
	}
	return tui.Run(ctx, cfg)
}

// countRefused counts the namespaces that can't be captured.
func countRefused(n *atomic.Int32) func(error) {
	return func(err error) {
		if _, unseen := errors.AsType[netns.UnseenError](err); !unseen && !errors.Is(err, annotate.ErrPtrace) {
			n.Add(1)
		}
	}
}

// scope is what the status line says of what is watched.
func (o *Options) scope(at *cli.Gateway, leftOut *atomic.Int32) string {
	switch n := leftOut.Load(); {
	case at != nil:
		return at.Name
	case o.Capture.Every() && n > 0:
		return fmt.Sprintf("all but %d", n) // for want of privilege
	}
	return cmp.Or(o.Capture.Netns, netns.Own())
}

// called is how the page Who calls the table that it asks: that of a namespace with a
// name, of the lab's gateway, or, with "", of this host.
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

// pathOfFD is a path to an open namespace, "" for the caller's own.
func pathOfFD(netns int) string {
	if netns == 0 {
		return ""
	}
	return fmt.Sprintf("/proc/self/fd/%d", netns)
}

// keepHistory has the run keep a history. trouble says why it can't be written, for
// as long as it can't; the notes of that come once more when the screen is free.
func (o *Options) keepHistory(cfg history.Config, run *live.Run) (trouble func() string, err error) {
	if cfg.Dir == "" {
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
