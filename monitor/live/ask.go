//go:build linux

package live

import (
	"context"
	"errors"

	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// Quiet says why no event has come, and the command that changes that.
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

// Uncounted says that the kernel counts no packets and bytes of flows that begin now,
// in which namespaces, and the command that changes that; "" if it counts them.
func (r *Run) Uncounted() (reason, command string) {
	var in []string
	for _, id := range r.IDs() {
		s := new(doctor.Snapshot)
		// What can't be read is no news here: doctor says so.
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

// Delete takes a flow out of its namespace's table. It is found by its tuple and by
// what is known of it. kernel.ErrNoFlow says that it is gone.
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

// Get reads single flows as the kernel has them now. Those that are gone are left
// out.
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

// Dump reads the tables of all namespaces of the run.
func (r *Run) Dump(ctx context.Context, got func(*monitor.Event)) error {
	dump, err := r.Capture.Dump(ctx, nil)
	if err != nil {
		return err
	}
	defer dump.Close()
	return monitor.Each(ctx, dump, got)
}
