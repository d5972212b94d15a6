//go:build linux

package live

import (
	"context"
	"os"
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

// Config says what a run captures and which tables it keeps.
type Config struct {
	// Capture says how events are captured. Flows that Push does not select are in no table and
	// reach no tap: leave Push nil for a run that needs every flow.
	Capture capture.Config

	// File, if not nil, is the file of Capture.NetNS. Close closes it last, and Open if it fails.
	File *os.File

	// Which is the value of --netns, for commands that the run suggests. If it is "", the run
	// uses the namespace's name or a process in it.
	Which string

	// Names, if not nil, makes the run capture all network namespaces, and gets their names.
	// Capture.NetNS is then not used.
	Names *monitor.Namespaces

	// Refused is called with the reason for each namespace that cannot be captured, by one
	// goroutine at a time. It may be nil. For the caller's own namespace Open returns the error
	// instead.
	Refused func(error)

	// Raw reports the messages as they are: the run has no table and reconciles nothing.
	Raw bool

	// Process looks up processes and containers: Event.Local.
	Process bool

	Table    table.Config   // the run sets Memoryless
	Filter   monitor.Filter // for the sinks; nil: every event
	Existing loop.Existing
	Count    uint64 // end after this many events have passed the filter; 0: never

	// Sudo means that commands which the run suggests need sudo(8).
	Sudo bool
}

// SilentEvery is how often the table is reconciled with the kernel's if some flows send no
// events.
const SilentEvery = time.Minute

// Run is an open run: a loop, what opened it and what answers questions about it. Several goroutines
// may call its methods, except those that add something, which must be called before Run.
type Run struct {
	*loop.Loop
	Capture  *capture.Capture
	Findings *findings.Engine // nil before AddRules

	Annotator *annotate.Annotator // nil without Config.Process

	cfg    Config
	places probe.Places
	meters meters
}

// Open starts to capture. After it returns, every event is delivered or reported as lost. The
// caller adds sinks and taps, calls Run and then Close.
func Open(cfg Config) (r *Run, err error) {
	cfg.Table.Memoryless = cfg.Raw && cfg.Existing == loop.ExistingNone
	r = &Run{cfg: cfg, places: probe.Places{Sudo: cfg.Sudo}}
	cfg.Table.Max = r.MaxFlows
	m := &loop.Loop{
		Table:    table.New(cfg.Table),
		Filter:   cfg.Filter,
		Count:    cfg.Count,
		Existing: cfg.Existing,
	}
	r.Loop = m
	r.OnClose(func() error { cfg.File.Close(); return nil }) // nil: does nothing
	if r.Capture, err = openCapture(&cfg, m.Table); err != nil {
		r.Close()
		return nil, err
	}
	r.OnClose(r.Capture.Close)
	m.Source = r.Capture
	if cfg.Capture.Push != nil {
		m.Scope = filter.Compile(cfg.Capture.Push, filter.Env{})
	}
	m.Resync = resync(&cfg)
	if cfg.Process {
		r.Annotator = annotate.Open(annotate.Config{In: r.In, Refused: cfg.Refused})
		m.Annotate = r.Annotator.Batch
		r.OnClose(func() error { r.Annotator.Close(); return nil })
	}
	return r, nil
}

// resync returns when the table is reconciled with the kernel's.
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

// Tap adds a sink for every event of every flow, including flows that began before the run.
// Close closes it.
func (r *Run) Tap(s monitor.Sink) {
	r.Loop.Taps = append(r.Loop.Taps, s)
	r.wantAll()
	r.OnClose(s.Close)
}

// Interim makes the run report flows that live longer than d with their counters, every d.
func (r *Run) Interim(d time.Duration) {
	r.wantAll()
	r.Loop.Resync.Interim = d
}

// Remembers reports whether the run's table has every flow.
func (r *Run) Remembers() bool { return !r.cfg.Raw }

// wantAll adds the flows that began before the run to the table. The sinks get them only with
// Config.Existing.
func (r *Run) wantAll() {
	if r.cfg.Raw {
		return
	}
	r.Loop.Resync.Every = SilentEvery
	if r.Loop.Existing == loop.ExistingNone {
		r.Loop.Existing = loop.ExistingUntold
	}
}

// Run passes events until ctx ends or Config.Count is reached, neither of which is an error.
func (r *Run) Run(ctx context.Context) error {
	stop, err := r.followLocals()
	if err != nil {
		return err
	}
	defer stop()
	return r.Loop.Run(ctx)
}
