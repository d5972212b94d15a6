//go:build linux

package live

import (
	"context"
	"errors"
	"slices"
	"time"

	"natlens/monitor"
	"natlens/monitor/annotate"
	"natlens/monitor/capture"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/filter"
	"natlens/monitor/findings"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// Config says what a run captures and keeps.
type Config struct {
	// Capture says how events are captured. Flows that Push does not select are
	// in no table and reach no tap: leave it nil for a run that needs every flow.
	Capture capture.Config

	// Which is the value of --netns, by which typed commands reach the namespace. If
	// it is "", its name or a process in it is found.
	Which string

	// Names, if not nil, makes the run capture all network namespaces and holds
	// their names. Capture.NetNS is then not used.
	Names *monitor.Namespaces

	// Refused is called with the reason for each namespace that can't be
	// captured, by one goroutine at a time; nil: nobody wants to know. It is not
	// called for the caller's own: Open returns that error.
	Refused func(error)

	// Raw has the run report the messages as they are: it remembers no flow and
	// reconciles nothing.
	Raw bool

	// Process has processes and containers looked up: Event.Local.
	Process bool

	Table    table.Config   // Memoryless is set by the run
	Filter   monitor.Filter // of what the sinks get; nil: every event
	Existing loop.Existing
	Count    uint64 // end after so many events have passed the filter; 0: never

	// Sudo says that commands which the run proposes need sudo(8).
	Sudo bool
}

// SilentEvery is how often the table is reconciled with the kernel's if a run knows
// of flows that end without an event.
const SilentEvery = time.Minute

// Run is an open run. Its methods may be called from several goroutines, but for
// those that add to it: these are for before Run.
type Run struct {
	Loop     *loop.Loop
	Capture  *capture.Capture
	Findings *findings.Engine // nil before AddRules

	Annotator *annotate.Annotator // nil without Config.Process

	cfg     Config
	places  probe.Places
	meters  meters
	closers []func() error // called in reverse order
}

// Open starts to capture: no event after its return is missed. The caller adds sinks
// and taps, calls Run and then Close.
func Open(cfg Config) (r *Run, err error) {
	cfg.Table.Memoryless = cfg.Raw && cfg.Existing == loop.ExistingNone
	r = &Run{cfg: cfg, places: probe.Places{Sudo: cfg.Sudo}}
	cfg.Table.Max = r.maxFlows
	m := &loop.Loop{
		Table:    table.New(cfg.Table),
		Filter:   cfg.Filter,
		Count:    cfg.Count,
		Existing: cfg.Existing,
	}
	r.Loop = m
	if r.Capture, err = openCapture(&cfg, m.Table); err != nil {
		return nil, err
	}
	r.OnClose(r.Capture.Close)
	m.Source = r.Capture
	if cfg.Capture.Push != nil {
		m.Scope = filter.Compile(cfg.Capture.Push, filter.Env{})
	}
	m.Resync = resync(&cfg)
	if cfg.Process {
		r.annotate()
	}
	return r, nil
}

// annotate looks up the processes and containers of events. What can't be looked up is
// refused and left out.
func (r *Run) annotate() {
	a, err := annotate.Open(annotate.Config{In: r.In})
	for _, err := range []error{err, annotate.Denied()} {
		if err != nil && r.cfg.Refused != nil {
			r.cfg.Refused(err)
		}
	}
	r.Annotator, r.Loop.Annotate = a, a.Batch
	r.OnClose(a.Close)
}

// resync says when the table is reconciled with the kernel's.
func resync(cfg *Config) (when loop.Resync) {
	if cfg.Raw {
		return when
	}
	when.AfterLoss = true
	if cfg.Existing != loop.ExistingNone {
		when.Every = SilentEvery
	}
	return when
}

// Sink adds a sink, which gets the events that pass the filter. close, if not nil, is
// called by Close.
func (r *Run) Sink(s monitor.Sink, close func() error) {
	r.Loop.Sinks = append(r.Loop.Sinks, s)
	if close != nil {
		r.OnClose(close)
	}
}

// Tap adds a sink that gets every event of every flow, also of those that began
// before the run. Close closes it.
func (r *Run) Tap(s monitor.Sink) {
	r.Loop.Taps = append(r.Loop.Taps, s)
	r.wantAll()
	r.OnClose(s.Close)
}

// Remembers reports whether the run's table has every flow.
func (r *Run) Remembers() bool { return !r.cfg.Raw }

// wantAll has the table take in the flows that began before the run. The sinks
// get them only with Config.Existing.
func (r *Run) wantAll() {
	if r.cfg.Raw {
		return
	}
	r.Loop.Resync.Every = SilentEvery
	if r.Loop.Existing == loop.ExistingNone {
		r.Loop.Existing = loop.ExistingUntold
	}
}

// OnClose adds a function that Close calls.
func (r *Run) OnClose(f func() error) { r.closers = append(r.closers, f) }

// Run carries events until ctx ends or Config.Count is reached, neither of which is
// an error.
func (r *Run) Run(ctx context.Context) error {
	stop, err := r.followLocals()
	if err != nil {
		return err
	}
	defer stop()
	return r.Loop.Run(ctx)
}

// Close closes what Open opened and what was added, in reverse order.
func (r *Run) Close() error {
	var err error
	for _, close := range slices.Backward(r.closers) {
		err = errors.Join(err, close())
	}
	r.closers = nil
	return err
}
