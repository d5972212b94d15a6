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
	ids := r.IDs()
	r.meters.keep(ids)
	var failed []error
	for _, id := range ids {
		switch one, err := r.read(ctx, id); {
		case err == nil:
			all = append(all, Reading{id, one})
		case !errors.Is(err, netns.ErrGone):
			failed = append(failed, err)
		}
	}
	return all, errors.Join(failed...)
}

// read reads the kernel's counters of a namespace.
func (r *Run) read(ctx context.Context, id monitor.NetNS) (one probe.Reading, err error) {
	r.meters.mu.Lock()
	defer r.meters.mu.Unlock()
	m := r.meters.byID[id]
	if m == nil {
		m = new(probe.Meter)
	}
	err = r.In(id, func(fd int) (err error) {
		one, err = m.Read(ctx, fd)
		return err
	})
	if err == nil {
		if r.meters.byID == nil {
			r.meters.byID = make(map[monitor.NetNS]*probe.Meter)
		}
		r.meters.byID[id] = m
	}
	return one, err
}

// keep drops the meters of all other namespaces.
func (m *meters) keep(ids []monitor.NetNS) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := make(map[monitor.NetNS]*probe.Meter, len(ids))
	for _, id := range ids {
		if one := m.byID[id]; one != nil {
			kept[id] = one
		}
	}
	m.byID = kept
}
