//go:build linux

package live

import (
	"context"
	"time"

	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/table"
)

// Health makes doctor's checks of every namespace of a run, with the counters of the last
// minute. Only one goroutine may use it at a time.
type Health struct {
	run  *Run
	of   map[monitor.NetNS]*checked
	load []load // of the last minute, oldest first

	total map[string]uint64 // counters summed over all namespaces

	settings, tracking, counts due
}

// checked is the state of one namespace.
type checked struct {
	readings []probe.Reading // of the last minute, oldest first
	received []uint64        // events of the namespace at each of readings
	base     doctor.Snapshot // settings, rules, counts and place
}

// load is the capture's counters at one time.
type load struct {
	at             time.Time
	received, lost uint64
}

// HealthReading is the result of the checks.
type HealthReading struct {
	Tables []Fill // of the namespaces, by their names
	Checks []doctor.Check
	CPUs   map[uint16]map[string]uint64 // the kernel's counters of each CPU, summed over all namespaces

	// Counted are the kernel's counters, summed over all namespaces. They never decrease. They
	// are valid until the next reading.
	Counted map[string]uint64
}

// Fill is how full the table of a namespace is.
type Fill struct {
	NetNS        string // "": the only one
	Entries, Max uint64 // Max 0: unknown
}

// How long readings are valid.
const (
	healthSpan  = time.Minute      // span of the counters
	trackEvery  = 30 * time.Second // rules rarely change, and there may be thousands
	countsEvery = 10 * time.Second
)

// due is when something expensive may be read again: after its interval, and so that reading
// takes at most a twentieth of the time.
type due time.Time

const dueShare = 20

func (d *due) do(now time.Time, every time.Duration, f func()) {
	if now.Before(time.Time(*d)) {
		return
	}
	began := time.Now()
	f()
	*d = due(now.Add(max(every, dueShare*time.Since(began))))
}

// NewHealth returns the checks of a run, without readings.
func NewHealth(r *Run) *Health {
	return &Health{run: r, of: map[monitor.NetNS]*checked{}, total: map[string]uint64{}}
}

// Read makes the checks. It returns an error if no namespace can be read.
func (h *Health) Read(ctx context.Context) (out HealthReading, err error) {
	all, err := h.run.Read(ctx)
	if err != nil && len(all) == 0 {
		return out, err
	}
	now := time.Now()
	h.take(all, now)
	h.settings.do(now, 0, func() { h.each(readSettings) })
	h.tracking.do(now, trackEvery, func() { h.each(readTracking) })
	h.counts.do(now, countsEvery, h.count)

	events := h.capture()
	var named []doctor.Named
	out.CPUs = make(map[uint16]map[string]uint64)
	for _, r := range all {
		c := h.of[r.ID]
		s := c.base
		s.Capture, s.Seen = events, c.received[len(c.received)-1]-c.received[0]
		probe.Between(&s, &c.readings[0], &c.readings[len(c.readings)-1])
		named = append(named, doctor.Named{Name: h.run.Name(r.ID), Snapshot: &s, Checks: doctor.Diagnose(&s)})
		out.Tables = append(out.Tables, Fill{h.run.Name(r.ID), r.Entries, r.Max})
		for cpu, counters := range r.CPUs {
			if out.CPUs[cpu] == nil {
				out.CPUs[cpu] = make(map[string]uint64)
			}
			for word, n := range counters {
				out.CPUs[cpu][word] += uint64(n)
			}
		}
	}
	out.Checks, out.Counted = doctor.Merge(named), h.total
	return out, nil
}

// take adds a reading of every namespace, and removes ended namespaces.
func (h *Health) take(all []Reading, now time.Time) {
	of := make(map[monitor.NetNS]*checked, len(all))
	for _, r := range all {
		c := h.of[r.ID]
		before := map[string]uint64{}
		if c == nil {
			c = new(checked)
			c.base.Place = h.run.Place(r.ID)
			h.in(r.ID, c, readSettings)
			h.in(r.ID, c, readTracking)
		} else {
			before = c.readings[len(c.readings)-1].Counters
		}
		for word, n := range r.Counters {
			h.total[word] += n - before[word]
		}
		c.readings, c.received = append(c.readings, r.Reading), append(c.received, h.run.Capture.Received(r.ID))
		for len(c.readings) > 1 && now.Sub(c.readings[0].At) > healthSpan {
			c.readings, c.received = c.readings[1:], c.received[1:]
		}
		of[r.ID] = c
	}
	h.of = of
	st := h.run.Capture.Stats()
	h.load = append(h.load, load{now, st.Received, st.Lost})
	for len(h.load) > 1 && now.Sub(h.load[0].at) > healthSpan {
		h.load = h.load[1:]
	}
}

// in calls f for a namespace, unless it has ended.
func (h *Health) in(id monitor.NetNS, c *checked, f func(s *doctor.Snapshot, fd int)) {
	_ = h.run.In(id, func(fd int) error { f(&c.base, fd); return nil })
}

func (h *Health) each(f func(s *doctor.Snapshot, fd int)) {
	for id, c := range h.of {
		h.in(id, c, f)
	}
}

// readSettings reads the settings. If that fails, it keeps the old ones.
func readSettings(s *doctor.Snapshot, fd int) { _ = probe.Settings(s, fd) }

func readTracking(s *doctor.Snapshot, fd int) { s.Tracking = probe.Tracking(fd) }

// count counts the flows of the run's own table. Their timeouts are old, so idle flows cannot
// be counted.
func (h *Health) count() {
	for _, c := range h.of {
		c.base.Counts = new(doctor.Counts)
	}
	var e monitor.Event
	now := monitor.Now()
	h.run.Loop.Table.Scan(func(i uint32, r *table.Row, x *monitor.Extra) bool {
		if c := h.of[r.Flow.Orig.NetNS]; c != nil && !r.Ended() {
			r.Event(i, x, now, &e)
			c.base.Counts.Add(&e)
		}
		return true
	})
}

// capture returns how events were captured in the last minute.
func (h *Health) capture() doctor.Capture {
	old, last, c := &h.load[0], &h.load[len(h.load)-1], h.run.Captured()
	c.Events, c.Lost = last.received-old.received, last.lost-old.lost
	return c
}
