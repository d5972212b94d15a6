//go:build linux

package live

import (
	"context"
	"errors"

	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

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
