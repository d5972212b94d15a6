//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/monitor/loop"
	"natlens/monitor/netns"
	"natlens/monitor/table"
)

// stream is a run of events from the kernel to one output.
type stream struct {
	con      cli.Console
	open     func() (*cli.Output, error)
	out      *cli.Output // what open opened
	filter   monitor.Filter
	count    uint64
	existing bool

	namespaces *monitor.Namespaces // all are watched, and get their numbers here; nil: one is

	remembers bool // keep a table of flows, and reconcile it after a loss
	metrics   cli.MetricsFlags
	findings  findingsConfig
	history   history.Config
	logged    monitor.Filter // what goes into the history; nil: every flow

	quiet   bool
	counts  bool   // say at the end how many were shown, as conntrack -E does
	onStart func() // called when events are being captured
}

// run captures until ctx ends, the count is reached or the output's reader has
// gone, and says on stderr what it was.
func (s *stream) run(ctx context.Context, cfg capture.Config) (err error) {
	listener, err := s.metrics.Listen()
	if err != nil {
		return err
	}
	if listener != nil {
		defer listener.Close() // closed already if metrics were served
	}
	table := table.New(table.Config{Memoryless: !s.remembers && !s.existing})
	capture, err := s.capture(cfg, table)
	if err != nil {
		return err
	}
	defer capture.Close()
	// Only now: who may not capture is not left with an empty file.
	if s.out, err = s.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.out.Close()) }()
	ctx, stop, err := untilReaderGone(ctx, s.out.N.W)
	if err != nil {
		return err
	}
	defer stop()
	m := &loop.Loop{
		Source: capture,
		Filter: s.filter,
		Sinks:  []monitor.Sink{s.out.Sink},
		Count:  s.count,
	}
	if s.existing {
		m.Existing = loop.ExistingFirst
	}
	if cfg.Push != nil {
		m.Scope = filter.Compile(cfg.Push, filter.Env{})
	}
	m.Table = table
	m.Resync = s.resync()
	stopFindings, err := s.tellFindings(m, cfg.NetNS)
	if err != nil {
		return err
	}
	defer stopFindings()
	stopHistory, err := s.keepHistory(m)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopHistory()) }()
	stopMetrics, err := s.serveMetrics(listener, m, capture, cfg.NetNS)
	if err != nil {
		return err
	}
	defer stopMetrics()
	unfollow, err := s.followLocals(ctx, cfg.NetNS, table)
	if err != nil {
		return err
	}
	defer unfollow()
	stopWhy := s.whyNothing(ctx, m, capture, cfg)
	defer stopWhy()
	s.note("capture: %s", captureText(capture))
	if !s.quiet && s.namespaces == nil {
		s.tellUncounted(cfg.NetNS)
	}
	if s.onStart != nil {
		s.onStart()
	}
	began := time.Now()
	if err = m.Run(ctx); err == nil && context.Cause(ctx) == syscall.EPIPE {
		err = syscall.EPIPE
	}
	// Who closed the pipe has seen enough.
	if !errors.Is(err, syscall.EPIPE) {
		s.summary(m, capture, time.Since(began))
	}
	return err
}

// resync tells when the table is reconciled with the kernel's: after a loss, and now
// and then where flows were told of that may end without an event.
func (s *stream) resync() loop.Resync {
	r := loop.Resync{AfterLoss: s.remembers}
	if s.remembers && s.existing {
		r.Every = silentEvery
	}
	return r
}

// serveMetrics serves metrics of the run. They are of every flow: the flows that
// are in the kernel's table already come into this one, though only --existing
// shows them, and those that send no events are looked after.
func (s *stream) serveMetrics(l net.Listener, m *loop.Loop, capture capture.Capture, ns int) (stop func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	var table *table.Table
	if s.remembers {
		table = m.Table
		m.Resync.Every = silentEvery
	}
	s.takeExisting(m)
	s.note("%s", cli.MetricsText(l))
	return serveMetrics(l, m, capture, ns, table)
}

// takeExisting has the flows that are in the kernel's table already come into
// this one, though nobody is shown them who did not ask.
func (s *stream) takeExisting(m *loop.Loop) {
	if !s.remembers || m.Existing != loop.ExistingNone {
		return
	}
	m.Existing = loop.ExistingUntold
}

// followLocals tells the table and the output the local addresses, now and
// whenever they change, until stop. The capture of all namespaces does so itself.
func (s *stream) followLocals(ctx context.Context, ns int, table *table.Table) (stop func(), err error) {
	if s.namespaces != nil {
		return func() {}, nil
	}
	return followLocals(ctx, ns, func(l *monitor.Locals) {
		table.SetLocals(l)
		s.out.Locals(l)
	})
}

// followLocals tells set the local addresses, now and whenever they change, until
// stop.
func followLocals(ctx context.Context, ns int, set func(*monitor.Locals)) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	watch, err := netns.WatchLocals(ns)
	if err != nil {
		cancel()
		return nil, err
	}
	set(watch.Now())
	go func() {
		defer close(done)
		watch.Run(ctx, set)
	}()
	return func() { cancel(); <-done }, nil
}

// note tells something about the run on stderr.
func (s *stream) note(format string, args ...any) {
	if !s.quiet {
		fmt.Fprintf(s.con.Stderr, "natlens: "+format+"\n", args...)
	}
}

// summary tells at the end what was captured.
func (s *stream) summary(m *loop.Loop, c capture.Capture, took time.Duration) {
	st, cs := m.Stats(), c.Stats()
	if s.counts {
		cli.TellDone(s.con, true, st.Written, "flow event", "shown")
	}
	if !s.existing {
		st.Events -= st.Existing // nobody asked for those
	}
	text := fmt.Sprintf("%d events, %d shown, %d lost, %s written in %s",
		st.Events, st.Written, st.Lost, human.Bytes(s.out.Written()), took.Round(100*time.Millisecond))
	for _, extra := range []struct {
		n    uint64
		what string
	}{{s.out.Missing(), "not recorded for want of room"}, {cs.Malformed, "malformed"}, {cs.Forged, "forged and refused"}} {
		if extra.n > 0 {
			text += fmt.Sprintf(", %d %s", extra.n, extra.what)
		}
	}
	s.note("%s", text)
}

// captureText says how events are captured, and why not by the ring.
func captureText(c capture.Capture) string {
	text := fmt.Sprintf("%s of %s", c.Way(), human.Bytes(uint64(c.Stats().Capacity)))
	if every, ok := c.(*capture.Every); ok {
		text += ", " + human.Plural(len(every.IDs()), "network namespace")
	}
	if err := capture.WhyNotRing(c); err != nil {
		text += fmt.Sprintf("; not the ring: %v", err)
	}
	if err := capture.WhyNotPushed(c); err != nil {
		text += fmt.Sprintf("; the filter runs here: %v", err)
	}
	return text
}
