//go:build linux

package live

import (
	"context"
	"errors"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/doctor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// Quiet returns why no event comes, and a command that changes that.
func (r *Run) Quiet(ctx context.Context) (reason, command string, err error) {
	if r.Several() {
		return "no flow began, changed or ended in any of the network namespaces; " +
				"this shows which of them track connections",
			r.places.Here().Natlens("stats", "--netns", "all"), nil
	}
	var s *doctor.Snapshot
	err = r.In(0, func(fd int) (err error) {
		s, err = probe.Quiet(ctx, fd, r.Place(0))
		return err
	})
	if err != nil {
		return "", "", err
	}
	reason, command = doctor.Quiet(s)
	return reason, command, nil
}

// Uncounted reports that the kernel does not count packets and bytes of new flows, in which
// namespaces, and the command that changes that. It returns "" if the kernel counts them.
func (r *Run) Uncounted() (reason, command string) {
	var in []string
	for _, id := range r.IDs() {
		s := new(doctor.Snapshot)
		// doctor reports settings that cannot be read.
		if r.In(id, func(fd int) error { return probe.Settings(s, fd) }) != nil {
			continue
		}
		if why, _ := doctor.Uncounted(s); why == "" {
			continue
		}
		if reason == "" {
			s.Place = r.Place(id)
			reason, command = doctor.Uncounted(s)
		}
		if name := r.Name(id); name != "" {
			in = append(in, name)
		}
	}
	return doctor.InNamespaces(in, reason), command
}

// Delete removes a flow from its namespace's table. It is identified by its tuple and by its id
// if that is known. If the flow has ended, it returns kernel.ErrNoFlow.
func (r *Run) Delete(ctx context.Context, flow *monitor.Flow, known monitor.Attrs) error {
	err := r.service(flow.Orig.NetNS, func(s *kernel.Service) error {
		deleted, _, err := s.Delete(ctx, []kernel.Target{kernel.TargetOf(flow, known)}, nil)
		if err == nil && deleted == 0 {
			return kernel.ErrNoFlow
		}
		return err
	})
	if errors.Is(err, netns.ErrGone) {
		return kernel.ErrNoFlow
	}
	return err
}

// Get calls got with the current state of each flow. Flows that have ended are skipped.
func (r *Run) Get(ctx context.Context, orig []monitor.Tuple, got func(*monitor.Event)) error {
	of := map[monitor.NetNS][]monitor.Tuple{}
	for _, t := range orig {
		of[t.NetNS] = append(of[t.NetNS], t)
	}
	var b monitor.Batch
	for id, tuples := range of {
		err := r.service(id, func(s *kernel.Service) error {
			for _, t := range tuples {
				b.Reset()
				if err := s.Get(ctx, &monitor.Flow{Orig: t}, &b); err != nil && !errors.Is(err, kernel.ErrNoFlow) {
					return err
				}
				for i := range b.Events {
					b.Events[i].SetNetNS(id)
					got(&b.Events[i])
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, netns.ErrGone) {
			return err
		}
	}
	return nil
}

// Dump calls got with each flow in the tables of all namespaces of the run.
func (r *Run) Dump(ctx context.Context, got func(*monitor.Event)) error {
	dump, err := r.Capture.Dump(ctx, nil)
	if err != nil {
		return err
	}
	defer dump.Close()
	return monitor.Each(ctx, dump, got)
}

// Captured returns how events are captured, why not by the ring, and the counts since Open.
func (r *Run) Captured() doctor.Capture {
	way, st := r.Capture.Way(), r.Capture.Stats()
	c := doctor.Capture{Way: way.String(), Capacity: st.Capacity, Events: st.Received, Lost: st.Lost}
	switch why := r.Capture.WhyNotRing(); {
	case why != nil:
		c.NotRing = why.Error()
	case way == capture.Socket:
		c.NotRing = "--capture socket"
	}
	return c
}
