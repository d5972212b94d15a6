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
func (m *movingStats) read(ctx context.Context) (st stats, total map[string]uint64, err error) {
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
