//go:build linux

package main

import (
	"maps"
	"time"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/doctor"
)

// counterTap reads the kernel's counters while events come, for what was seen while
// they moved.
type counterTap struct {
	doctor.Around
	moving movingStats // sums the CPUs
	ask    func() ([]ctnetlink.CPUStats, error)
	next   time.Time
	seen   map[string]*doctor.Seen
}

// countersEvery is how often they are read: what is seen within that of a movement
// is said to be around it.
const countersEvery = 500 * time.Millisecond

func newCounterTap(before []ctnetlink.CPUStats, ask func() ([]ctnetlink.CPUStats, error)) *counterTap {
	t := &counterTap{ask: ask, next: time.Now().Add(countersEvery), seen: map[string]*doctor.Seen{}}
	t.read(before)
	return t
}

// Write takes events, and reads the counters where it is time.
func (t *counterTap) Write(b *monitor.Batch) error {
	err := t.Around.Write(b)
	if now := time.Now(); !now.Before(t.next) {
		t.next = now.Add(countersEvery)
		if cpus, err := t.ask(); err == nil { // else the next reading is about both
			t.read(cpus)
		}
	}
	return err
}

func (t *counterTap) read(cpus []ctnetlink.CPUStats) {
	t.moving.add(cpus)
	for word, seen := range t.Read(maps.Clone(t.moving.total)) {
		if t.seen[word] == nil {
			t.seen[word] = new(doctor.Seen)
		}
		t.seen[word].Add(seen)
	}
}
