//go:build linux

package live

import (
	"context"
	"errors"
	"sync"

	"natlens/monitor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/netns"
)

// meters has a meter for each namespace of a run.
type meters struct {
	mu   sync.Mutex
	byID map[monitor.NetNS]*probe.Meter
}

// Reading is what the kernel counts in one namespace of the run.
type Reading struct {
	ID monitor.NetNS
	probe.Reading
}

// Read reads the kernel's counters of every namespace. Those that are gone are left
// out; the error joins those of the others.
func (r *Run) Read(ctx context.Context) (all []Reading, err error) {
	r.meters.mu.Lock()
	defer r.meters.mu.Unlock()
	kept := map[monitor.NetNS]*probe.Meter{}
	for _, id := range r.IDs() {
		m := r.meters.byID[id]
		if m == nil {
			m = new(probe.Meter)
		}
		kept[id] = m
		failed := r.In(id, func(fd int) error {
			one, err := m.Read(ctx, fd)
			if err == nil {
				all = append(all, Reading{id, one})
			}
			return err
		})
		if !errors.Is(failed, netns.ErrGone) {
			err = errors.Join(err, failed)
		}
	}
	r.meters.byID = kept
	return all, err
}
