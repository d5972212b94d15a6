//go:build linux

package doctor

import (
	"context"
	"errors"
	"slices"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/doctor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/kernel"
	"natlens/monitor/live"
	"natlens/monitor/loop"
	"natlens/monitor/netns"
)

// examined is what was found, in one network namespace or in all.
type examined struct {
	all    []doctor.Named
	checks []doctor.Merged
	found  []monitor.Finding
	name   func(monitor.NetNS) string // of a namespace, "" if there is only one
}

// span is how long events were captured; 0 if they could not be.
func (e *examined) span() time.Duration { return e.all[0].Snapshot.Span }

// examine captures for the time of --for, or until ctx ends, and makes the checks.
func examine(ctx context.Context, o *options, open capture.Config) (*examined, error) {
	thresholds := o.thresholds.Values
	thresholds.Within(o.duration)
	run, err := live.Open(live.Config{
		Capture: open, Which: o.capture.Netns, Names: o.capture.Namespaces(), Refused: o.con.Refused,
		Existing: loop.ExistingBeside, Sudo: cli.Sudo(),
	})
	if errors.Is(err, netns.ErrPrivilege) && !o.capture.Every() {
		return denied(o.capture.Netns, open.NetNS, err)
	}
	if err != nil {
		return nil, err
	}
	defer run.Close()
	run.AddRules(thresholds, true)
	e := &examined{name: run.Name}
	// What is read at the end is read also if ctx ends early.
	reading := context.WithoutCancel(ctx)
	before, err := run.Read(reading)
	if err != nil && len(before) == 0 {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	if err := run.Run(ctx); err != nil {
		return nil, err
	}
	run.Findings.Finish(monitor.Now())
	e.found = run.Findings.Snapshot()
	after, err := run.Read(reading)
	if err != nil && len(after) == 0 {
		return nil, err
	}
	events := captured(run.Capture, open.Way)
	for _, now := range after {
		old := slices.IndexFunc(before, func(r live.Reading) bool { return r.ID == now.ID })
		if old < 0 {
			continue // it began meanwhile
		}
		s := &doctor.Snapshot{Place: run.Place(now.ID), Capture: events}
		probe.Between(s, &before[old].Reading, &now.Reading)
		s.Counts = &doctor.Counts{Before: func(orig monitor.Tuple) (monitor.Reading, bool) {
			return run.Reading(now.ID, orig)
		}}
		err := run.In(now.ID, func(fd int) error { return fill(reading, s, fd) })
		switch {
		case err == nil:
			e.add(run.Name(now.ID), s)
		case !errors.Is(err, netns.ErrGone):
			return nil, err
		}
	}
	if e.all == nil {
		return nil, errors.New("no network namespace could be read")
	}
	e.checks = doctor.Merge(e.all)
	return e, nil
}

func (e *examined) add(name string, s *doctor.Snapshot) {
	e.all = append(e.all, doctor.Named{Name: name, Snapshot: s, Checks: doctor.Diagnose(s)})
}

func fill(ctx context.Context, s *doctor.Snapshot, fd int) error {
	if err := probe.Settings(s, fd); err != nil {
		return err
	}
	s.Tracking, s.Counts.Timeouts = probe.Tracking(fd), probe.TCPTimeouts(fd)
	dump, err := kernel.Dump(ctx, fd)
	if err != nil {
		return err
	}
	return errors.Join(monitor.Each(ctx, dump, s.Counts.Add), dump.Close())
}

// captured says how the events came.
func captured(c *capture.Capture, asked capture.Way) doctor.Capture {
	st := c.Stats()
	out := doctor.Capture{Way: c.Way().String(), Capacity: st.Capacity, Events: st.Received, Lost: st.Lost}
	if asked == capture.Socket {
		out.NotRing = "--capture socket"
	}
	if err := c.WhyNotRing(); err != nil {
		out.NotRing = err.Error()
	}
	return out
}

// denied makes the checks that need no privilege.
func denied(which string, fd int, why error) (*examined, error) {
	places := probe.Places{Sudo: cli.Sudo()}
	s := &doctor.Snapshot{Place: places.At(which), Denied: why.Error()}
	if err := probe.Settings(s, fd); err != nil {
		return nil, err
	}
	e := &examined{name: func(monitor.NetNS) string { return "" }}
	e.add("", s)
	e.checks = doctor.Merge(e.all)
	return e, nil
}
