//go:build linux

package stats

import (
	"context"
	"slices"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/kernel"
)

// reading is what the kernel counts in one network namespace, and how it is set.
type reading struct {
	ns       monitor.Namespace // the zero value if it is the only one
	fill     ctnetlink.GlobalStats
	cpus     []ctnetlink.CPUStats
	expect   []kernel.ExpectStats
	sysctls  []kernel.Sysctl
	tracking kernel.Tracking // of several namespaces only

	before []ctnetlink.CPUStats // with --for: the counters when it began
	events kinds                // with --for
}

// read reads the counters of the namespaces that --netns names.
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
	if r.fill, err = s.Fill(ctx); err != nil {
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
	if n.Name != "" {
		r.tracking, err = kernel.ReadTracking(fd)
	}
	return r, err
}

// sysctl returns a setting by the end of its name.
func (r *reading) sysctl(name string) (v uint64, ok bool) {
	for _, s := range r.sysctls {
		if s.Name == "net.netfilter.nf_conntrack_"+name {
			return s.Value, true
		}
	}
	return 0, false
}

// max is how many entries the table may have; 0: not known.
func (r *reading) max() uint64 {
	if r.fill.Max != 0 {
		return uint64(r.fill.Max)
	}
	v, _ := r.sysctl("max")
	return v
}

// counters are those that the CPUs have, in the kernel's order.
func (r *reading) counters() (all []ctnetlink.Counter) {
	if len(r.cpus) > 0 {
		r.cpus[0].Each(func(k ctnetlink.Counter, _ uint32) { all = append(all, k) })
	}
	return all
}

func (r *reading) total(k ctnetlink.Counter) (sum uint64) {
	for i := range r.cpus {
		sum += uint64(r.cpus[i].Get(k))
	}
	return sum
}

// grown is how much a counter has grown since before. The kernel's have 32 bits and wrap.
func (r *reading) grown(k ctnetlink.Counter) (sum uint64) {
	for i := range r.cpus {
		var old uint32 // 0 if the CPU is new
		j := slices.IndexFunc(r.before, func(b ctnetlink.CPUStats) bool { return b.CPU == r.cpus[i].CPU })
		if j >= 0 {
			old = r.before[j].Get(k)
		}
		sum += uint64(r.cpus[i].Get(k) - old)
	}
	return sum
}

// expectations sums what the CPUs count of expectations.
func (r *reading) expectations() (sum kernel.ExpectStats) {
	for _, e := range r.expect {
		sum.New, sum.Create, sum.Delete = sum.New+e.New, sum.Create+e.Create, sum.Delete+e.Delete
	}
	return sum
}
