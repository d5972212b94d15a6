//go:build linux

package stats

import (
	"cmp"
	"context"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/kernel"
)

// reading is what the kernel counts in one network namespace, and how it is set.
type reading struct {
	ns       monitor.Namespace // the zero value if it is the only one
	entries  uint32
	max      uint64 // how many entries the table may have; 0: not known
	cpus     []ctnetlink.CPUStats
	expect   []kernel.ExpectStats
	sysctls  map[string]uint64 // by what follows kernel.SysctlPrefix
	tracking kernel.Tracking   // of several namespaces only

	grown  map[string]uint64 // with --for: how much the counters have grown
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

// counters are those that the CPUs have, in the kernel's order.
func (r *reading) counters() (all []string) {
	for _, name := range ctnetlink.CounterNames {
		if len(r.cpus) > 0 {
			if _, ok := r.cpus[0].Counters[name]; ok {
				all = append(all, name)
			}
		}
	}
	return all
}

func (r *reading) total(counter string) (sum uint64) {
	for _, c := range r.cpus {
		sum += uint64(c.Counters[counter])
	}
	return sum
}

func (r *reading) expectations() (sum kernel.ExpectStats) {
	for _, e := range r.expect {
		sum.New, sum.Create, sum.Delete = sum.New+e.New, sum.Create+e.Create, sum.Delete+e.Delete
	}
	return sum
}
