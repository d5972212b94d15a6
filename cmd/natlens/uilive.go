//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/kernel"
	"natlens/monitor/loop"
	"natlens/monitor/netns"
	"natlens/monitor/table"
	"natlens/tui"
)

// liveUI is the command line of the UI on the kernel's events.
type liveUI struct {
	uiConfig
	capture    cli.CaptureFlags
	history    cli.HistoryFlags
	metrics    cli.MetricsFlags
	thresholds cli.ThresholdFlags
}

func (c *liveUI) Register(cmd *cobra.Command) {
	c.uiConfig.Register(cmd)
	c.capture.Register(cmd)
	c.history.Register(cmd, cli.KeepHistoryHelp)
	c.metrics.Register(cmd)
	c.thresholds.Register(cmd)
}

// silentEvery is how often flows that send no events are looked after.
const silentEvery = time.Minute

// run shows the UI on the kernel's events. onStart, if not nil, is called when
// events are being captured; name tells whose table it is.
func (c *liveUI) run(ctx context.Context, con cli.Console, name string, adjust func(*capture.Config), onStart func()) (err error) {
	if err := c.Check(con); err != nil {
		return err
	}
	kept, err := c.history.Beside()
	if err != nil {
		return err
	}
	open, netns, err := c.capture.Config(capture.Kinds{})
	if err != nil {
		return err
	}
	defer netns.Close() // nil: does nothing
	if adjust != nil {
		adjust(&open)
	}
	listener, err := c.metrics.Listen()
	if err != nil {
		return err
	}
	if listener != nil {
		defer listener.Close() // closed already if metrics were served
		fmt.Fprintf(con.Stderr, "natlens: %s\n", cli.MetricsText(listener))
	}
	capture, err := capture.Open(open)
	if err != nil {
		return err
	}
	defer capture.Close()
	service, err := newFlowService(open.NetNS)
	if err != nil {
		return err
	}
	defer service.Close()
	tail := tui.NewTail()
	m := &loop.Loop{
		Source:   capture,
		Table:    table.New(table.Config{Linger: uiLinger, Life: true}),
		Sinks:    []monitor.Sink{tail},
		Resync:   loop.Resync{AfterLoss: true, Every: silentEvery},
		Existing: loop.ExistingBeside,
	}
	engine, stopFindings, err := lookForFindings(m, c.thresholds.Values, open.NetNS, placeOfFD(open.NetNS))
	if err != nil {
		return err
	}
	defer stopFindings()
	health, err := newLiveHealth(open.NetNS, capture, m.Table)
	if err != nil {
		return err
	}
	defer health.close()
	stopHistory, err := c.keepHistory(con, kept, m)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopHistory()) }()
	stopMetrics, err := serveMetrics(listener, m, capture, open.NetNS, m.Table)
	if err != nil {
		return err
	}
	defer stopMetrics()
	stop, err := followLocals(ctx, open.NetNS, m.Table.SetLocals)
	if err != nil {
		return err
	}
	defer stop()
	if onStart != nil {
		onStart()
	}
	c.who = &uiWho{con: con, dir: kept.Dir, netns: pathOfFD(open.NetNS), called: calledTable(name, adjust != nil), table: adjust != nil}
	cfg := c.Config(con, m, tail)
	cfg.Info = tui.Info{Host: hostName(), Namespace: name, Capture: capture.Way().String(), Max: tableMax()}
	cfg.Deleter, cfg.Refresher = service, service
	cfg.Health, cfg.Findings = health, engine
	cfg.Enter = func(monitor.NetNS) string { return placeOfFD(open.NetNS).Enter() }
	return tui.Run(ctx, cfg)
}

// calledTable is how the page Who calls the table of what the status line calls
// name: that of a namespace with a name, of the lab's gateway, or, with "", of this
// host.
func calledTable(name string, lab bool) string {
	switch {
	case lab:
		return "the " + name
	case name == netns.OwnName:
		return ""
	}
	return name
}

// pathOfFD is a path to an open namespace, "" for the caller's own.
func pathOfFD(netns int) string {
	if netns == 0 {
		return ""
	}
	return fmt.Sprintf("/proc/self/fd/%d", netns)
}

// tableMax returns nf_conntrack_max, 0 where it can't be read.
func tableMax() (n uint64) {
	text, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_max")
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscan(string(text), &n); err != nil {
		return 0
	}
	return n
}

// flowService asks the kernel about single flows for the UI, one request at a
// time.
type flowService struct {
	netns int
	mu    sync.Mutex
	s     *kernel.Service
}

func newFlowService(netns int) (*flowService, error) {
	s, err := kernel.OpenService(netns)
	if err != nil {
		return nil, err
	}
	return &flowService{netns: netns, s: s}, nil
}

// Close ends what runs.
func (f *flowService) Close() error { return f.s.Close() }

// Delete takes a flow out of the kernel's table.
func (f *flowService) Delete(ctx context.Context, flow *monitor.Flow, known monitor.Attrs) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	deleted, _, err := f.s.Delete(ctx, []kernel.Target{kernel.TargetOf(flow, known)})
	if err == nil && deleted == 0 {
		return kernel.ErrNoFlow
	}
	return err
}

// Get reads single flows as they stand now.
func (f *flowService) Get(ctx context.Context, orig []monitor.Tuple, got func(*monitor.Event)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b monitor.Batch
	for _, tuple := range orig {
		b.Reset()
		err := f.s.Get(ctx, &monitor.Flow{Orig: tuple}, &b)
		if err != nil && !errors.Is(err, kernel.ErrNoFlow) {
			return err
		}
		for i := range b.Events {
			got(&b.Events[i])
		}
	}
	return nil
}

// Dump reads the whole table.
func (f *flowService) Dump(ctx context.Context, got func(*monitor.Event)) error {
	dump, err := kernel.Dump(ctx, f.netns)
	if err != nil {
		return err
	}
	defer dump.Close()
	return monitor.Each(ctx, dump, got)
}

// addUI makes the root command open the UI.
func addUI(con cli.Console, root *cobra.Command) {
	var cfg liveUI
	cfg.Register(root)
	cfg.capture.AllowEvery(root)
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return cli.UnknownCommand(cmd, args[0])
		}
		if _, ok := cli.Terminal(con.Stdout); !ok {
			return cmd.Help()
		}
		if cfg.capture.Every() {
			return cfg.runEvery(cmd.Context(), con)
		}
		return cfg.run(cmd.Context(), con, cmp.Or(cfg.capture.Netns, netns.Own()), nil, nil)
	}
}
