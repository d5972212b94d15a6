//go:build linux

package stats

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/kernel"
	"natlens/monitor/live"
)

// reading is the counters and settings of one network namespace.
type reading struct {
	ns       monitor.Namespace // the zero value if it is the only one
	entries  uint32
	max      uint64 // maximum number of entries; 0: unknown
	cpus     []ctnetlink.CPUStats
	expect   []ctnetlink.CPUStats
	sysctls  map[string]uint64 // by the rest of the name after kernel.SysctlPrefix
	tracking monitor.Tracking  // only with several namespaces

	grown  map[string]uint64 // with --for: the growth of the counters
	events kinds             // with --for
}

func (o *options) read(ctx context.Context) (all []*reading, _ *watched, err error) {
	err = o.capture.Each(ctx, o.con.Refused, func(n monitor.Namespace, fd int) error {
		r, err := readOne(ctx, n, fd)
		if err == nil {
			all = append(all, r)
		}
		return err
	})
	return all, nil, err
}

func readOne(ctx context.Context, n monitor.Namespace, fd int) (*reading, error) {
	s, err := kernel.OpenService(fd)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r := &reading{ns: n}
	fill, err := s.Fill(ctx)
	if err != nil {
		return nil, err
	}
	if r.cpus, err = s.CPUStats(ctx); err != nil {
		return nil, err
	}
	if r.expect, err = s.ExpectStats(ctx); err != nil {
		return nil, err
	}
	if r.sysctls, err = kernel.Sysctls(fd); err != nil {
		return nil, err
	}
	r.entries, r.max = fill.Entries, cmp.Or(uint64(fill.Max), r.sysctls["max"])
	if n.Name != "" {
		r.tracking, err = kernel.ReadTracking(fd)
	}
	return r, err
}

// counters returns which counters the kernel has of those with some names, in that order.
func counters(cpus []ctnetlink.CPUStats, names []string) (all []string) {
	for _, name := range names {
		if len(cpus) > 0 {
			if _, ok := cpus[0].Counters[name]; ok {
				all = append(all, name)
			}
		}
	}
	return all
}

// total returns the sum of a counter of flows or of expectations.
func (r *reading) total(counter string) (sum uint64) {
	for _, c := range slices.Concat(r.cpus, r.expect) {
		sum += uint64(c.Counters[counter])
	}
	return sum
}

// watched is the result of --for.
type watched struct {
	took    time.Duration
	way     capture.Way
	resyncs uint64
	capture capture.Stats
}

// kinds counts events by kind.
type kinds [monitor.KindNetNSEnd + 1]uint64

// kindCount is a sink that counts the events of each namespace.
type kindCount map[monitor.NetNS]*kinds

func (c kindCount) of(id monitor.NetNS) *kinds {
	if c[id] == nil {
		c[id] = new(kinds)
	}
	return c[id]
}

// Write counts the events of the kernel.
func (c kindCount) Write(b *monitor.Batch) error {
	for i := range b.Events {
		if e := &b.Events[i]; !e.Inferred {
			c.of(e.Flow.Orig.NetNS)[e.Kind]++
		}
	}
	return nil
}

// Close does nothing.
func (kindCount) Close() error { return nil }

// watch captures all events for the time of --for, or until ctx ends, which is not an error,
// and reads the counters before and after.
func (o *options) watch(ctx context.Context) (all []*reading, seen *watched, err error) {
	run, err := o.capture.Open(live.Config{Refused: o.con.Refused}, nil)
	if err != nil {
		return nil, nil, err
	}
	defer run.Close()
	counts := kindCount{}
	run.Sink(counts, nil)
	// After an interrupt, show what was captured.
	reading := context.WithoutCancel(ctx)
	before, err := run.Read(reading)
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := context.WithTimeout(ctx, o.duration)
	defer stop()
	if o.started != nil {
		o.started()
	}
	began := time.Now()
	if err := run.Run(ctx); err != nil {
		return nil, nil, err
	}
	seen = &watched{took: time.Since(began), way: run.Capture.Way(), resyncs: run.Loop.Stats().Resyncs,
		capture: run.Capture.Stats()}
	after, err := run.Read(reading)
	if err != nil {
		return nil, nil, err
	}
	old := map[monitor.NetNS]map[string]uint64{}
	for _, r := range before {
		old[r.ID] = r.Counters
	}
	for _, now := range after {
		grown := numbers{}
		for word, n := range now.Counters {
			grown[word] = n - old[now.ID][word]
		}
		err := run.In(now.ID, func(fd int) error {
			r, err := readOne(reading, run.Names().Get(now.ID), fd)
			if err != nil {
				return err
			}
			r.grown, r.events = grown, *counts.of(now.ID)
			all = append(all, r)
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return all, seen, nil
}

// row is a line of the table of captured events.
type row struct {
	name    string
	n       uint64
	unknown bool // the capture does not have this number
	means   string
}

// member is the name of a row in JSON.
func (r *row) member() string { return strings.ReplaceAll(r.name, "-", "") }

// rows returns the counts of events of a namespace, or of all, and the counters of the capture.
func (w *watched) rows(events *kinds) []row {
	c := &w.capture
	forged := row{name: "forged", n: c.Forged, means: "messages of other senders than the kernel, rejected"}
	if w.way == capture.Ring {
		forged.unknown, forged.means = true, "the ring does not report senders; --capture socket does"
	}
	return []row{
		{name: "new", n: events[monitor.KindNew]},
		{name: "update", n: events[monitor.KindUpdate]},
		{name: "destroy", n: events[monitor.KindDestroy]},
		{name: "received", n: c.Received, means: "events in all"},
		{name: "lost", n: c.Lost, means: "events dropped because the queue was full"},
		{name: "gaps", n: c.Gaps, means: "times that this happened"},
		{name: "resyncs", n: w.resyncs, means: "reconciliations with the kernel's table after a loss"},
		{name: "malformed", n: c.Malformed, means: "messages that could not be decoded"},
		forged,
		{name: "unknown", n: c.Unknown, means: "attributes that natlens does not know, skipped"},
		{name: "wake-ups", n: c.Wakeups, means: "times that the reader was woken"},
	}
}
