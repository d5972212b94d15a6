//go:build linux

package probe

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"strconv"
	"time"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/doctor"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
)

// Settings reads the sysctls into the snapshot. A kernel without connection tracking has none,
// which is not an error.
func Settings(s *doctor.Snapshot, ns int) error {
	var err error
	if s.Sysctls, err = kernel.Sysctls(ns); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// rmem_max belongs to the host; some namespaces do not have it.
	if text, err := netns.ReadSysctl(0, "net.core.rmem_max"); err == nil {
		s.RMemMax, _ = strconv.ParseUint(text, 10, 64)
	}
	return nil
}

// Tracking reads which rules turn connection tracking on. If they can't be read,
// Unread says why.
func Tracking(ns int) monitor.Tracking {
	t, err := kernel.ReadTracking(ns)
	if err != nil {
		return monitor.Tracking{Unread: err.Error()}
	}
	return t
}

// Quiet reads what [doctor.Quiet] needs.
func Quiet(ctx context.Context, ns int, place doctor.Place) (*doctor.Snapshot, error) {
	s := &doctor.Snapshot{Place: place, Tracking: Tracking(ns)}
	err := Settings(s, ns)
	service, serr := kernel.OpenService(ns)
	if serr == nil {
		fill, ferr := service.Fill(ctx)
		s.Fill.End = uint64(fill.Entries)
		serr = errors.Join(ferr, service.Close())
	}
	return s, errors.Join(err, serr)
}

// Reading are the kernel's counters of one network namespace at one time.
type Reading struct {
	At       time.Time
	Entries  uint64            // in the table
	Max      uint64            // nf_conntrack_max; 0: unknown
	Counters map[string]uint64 // summed over the CPUs, by conntrack(8)'s names

	CPUs map[uint16]map[string]uint32 // as the kernel has them
}

// Meter reads the counters of one network namespace repeatedly. The kernel's counters have 32
// bits and wrap. Those of a Meter start at the kernel's value and do not wrap. The zero value
// is ready to use. Only one goroutine may use it at a time.
type Meter struct {
	before map[uint16]map[string]uint32 // by CPU
	total  map[string]uint64
}

// readTime is the timeout of a reading.
const readTime = 3 * time.Second

// Read reads the counters. The caller owns the result.
func (m *Meter) Read(ctx context.Context, ns int) (r Reading, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	s, err := kernel.OpenService(ns)
	if err != nil {
		return r, err
	}
	defer s.Close()
	fill, err := s.Fill(ctx)
	if err != nil {
		return r, err
	}
	cpus, err := s.CPUStats(ctx)
	if err != nil {
		return r, err
	}
	r = Reading{At: time.Now(), Entries: uint64(fill.Entries), Max: uint64(fill.Max)}
	if r.Max == 0 { // before Linux 5.9 the answer has no maximum
		settings, err := kernel.Sysctls(ns)
		if err == nil {
			r.Max = settings["max"]
		}
	}
	m.add(cpus)
	r.Counters, r.CPUs = maps.Clone(m.total), m.before
	return r, nil
}

// add adds what the CPUs have counted since the previous reading. The previous values of a new
// CPU are 0.
func (m *Meter) add(cpus []ctnetlink.CPUStats) {
	if m.total == nil {
		m.total = make(map[string]uint64)
	}
	now := make(map[uint16]map[string]uint32, len(cpus))
	for _, c := range cpus {
		for word, n := range c.Counters {
			m.total[word] += uint64(n - m.before[c.CPU][word])
		}
		now[c.CPU] = c.Counters
	}
	m.before = now
}

// Between sets the snapshot's counters from two readings of one Meter.
func Between(s *doctor.Snapshot, old, now *Reading) {
	s.Span = now.At.Sub(old.At)
	s.Fill = doctor.Fill{Begin: old.Entries, End: now.Entries, Max: now.Max}
	s.Counters = make(map[string]doctor.Moved, len(now.Counters))
	for word, n := range now.Counters {
		s.Counters[word] = doctor.Moved{Total: n, Moved: n - old.Counters[word]}
	}
}

// TCPTimeouts reads settings of connection tracking. Those that cannot be read are 0.
func TCPTimeouts(ns int) monitor.TCPTimeouts {
	all, _ := kernel.Sysctls(ns)
	seconds := func(name string) uint32 { return uint32(all["tcp_timeout_"+name]) }
	return monitor.TCPTimeouts{Established: seconds("established"), Unacknowledged: seconds("unacknowledged"),
		MaxRetrans: seconds("max_retrans")}
}
