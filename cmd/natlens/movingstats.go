//go:build linux

package main

import (
	"context"
	"maps"
	"sync"
	"time"

	"natlens/monitor/ctnetlink"
	"natlens/monitor/kernel"
)

// movingStats reads the kernel's statistics again and again. Its methods may be
// called from several goroutines.
type movingStats struct {
	netns   int
	mu      sync.Mutex      // guards what follows
	service *kernel.Service // nil after an error: the next reading opens one
	before  []ctnetlink.CPUStats

	// total are the counters of all CPUs by conntrack(8)'s words. The kernel's
	// own have 32 bits and begin again at 0; these do not.
	total map[string]uint64
}

// statsTime bounds a reading.
const statsTime = 3 * time.Second

// watchStats opens the service of a network namespace (0: the caller's).
func watchStats(netns int) (*movingStats, error) {
	service, err := kernel.OpenService(netns)
	if err != nil {
		return nil, err
	}
	return &movingStats{netns: netns, service: service}, nil
}

// read reads once more. The counters are the caller's.
func (m *movingStats) read(ctx context.Context) (st kernelStats, total map[string]uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, statsTime)
	defer cancel()
	if m.service == nil {
		service, err := kernel.OpenService(m.netns)
		if err != nil {
			return st, nil, err
		}
		m.service = service
	}
	if st, err = readStats(ctx, m.service, m.netns); err != nil {
		m.closeLocked() // an answer that comes late is not to be taken for the next one's
		return st, nil, err
	}
	m.add(st.cpus)
	return st, maps.Clone(m.total), nil
}

// add brings the totals up to date.
func (m *movingStats) add(cpus []ctnetlink.CPUStats) {
	if m.total == nil {
		m.total = make(map[string]uint64)
	}
	for word, n := range moved(m.before, cpus) {
		m.total[word] += n.Moved
	}
	m.before = cpus
}

func (m *movingStats) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closeLocked()
}

func (m *movingStats) closeLocked() {
	if m.service != nil {
		m.service.Close()
		m.service = nil
	}
}

// kernelStats is what the kernel counts, and how it is set.
type kernelStats struct {
	fill    ctnetlink.GlobalStats
	cpus    []ctnetlink.CPUStats
	expect  []kernel.ExpectStats
	sysctls []kernel.Sysctl
}

func readStats(ctx context.Context, s *kernel.Service, netns int) (st kernelStats, err error) {
	if st.fill, err = s.Fill(ctx); err != nil {
		return st, err
	}
	if st.cpus, err = s.CPUStats(ctx); err != nil {
		return st, err
	}
	if st.expect, err = s.ExpectStats(ctx); err != nil {
		return st, err
	}
	st.sysctls, err = kernel.Sysctls(netns)
	return st, err
}

// sysctl returns a setting by the end of its name.
func (st *kernelStats) sysctl(name string) (v uint64, ok bool) {
	for _, s := range st.sysctls {
		if s.Name == "net.netfilter.nf_conntrack_"+name {
			return s.Value, true
		}
	}
	return 0, false
}

// max is how many entries the table may have, 0 where that is not known.
func (st *kernelStats) max() uint64 {
	if st.fill.Max != 0 {
		return uint64(st.fill.Max)
	}
	v, _ := st.sysctl("max")
	return v
}
