//go:build linux

package live

import (
	"context"
	"strings"
	"time"

	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/table"
)

// Health makes doctor's checks of every namespace of a run, over what moved in the
// last minute. It is for one goroutine at a time.
type Health struct {
	run  *Run
	of   map[monitor.NetNS]*checked
	load []load // of the last minute, oldest first

	total map[string]uint64 // what the counters of all namespaces have counted

	settings, tracking, counts due
}

// checked is what is kept of a namespace.
type checked struct {
	id       monitor.NetNS
	readings []probe.Reading // of the last minute, oldest first
	base     doctor.Snapshot // settings, rules, counts and place
}

// load is what has come out of the capture's queue until some time.
type load struct {
	at             time.Time
	received, lost uint64
}

// HealthReading is what the checks found.
type HealthReading struct {
	Entries  uint64 // in the tables of all namespaces
	Max      uint64 // nf_conntrack_max; 0: not known, or there are several tables
	Counters []CounterReading
	Checks   []doctor.Check // none of them about a counter
}

// CounterReading is a counter of the kernel, summed over the namespaces.
type CounterReading struct {
	Word    string
	Total   uint64 // never goes back
	Means   string // what its moving means
	Level   doctor.Level
	Command string
}

// How long readings are good for.
const (
	healthSpan  = time.Minute      // over which movements are reported
	trackEvery  = 30 * time.Second // rules change seldom, and there may be thousands
	countsEvery = 10 * time.Second
)

// due says when something expensive may be read again: after its interval, and not
// for more than a twentieth of the time.
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

// NewHealth returns the checks of a run, which have read nothing.
func NewHealth(r *Run) *Health {
	return &Health{run: r, of: map[monitor.NetNS]*checked{}, total: map[string]uint64{}}
}

// Read makes the checks. It is an error if no namespace can be read.
func (h *Health) Read(ctx context.Context) (out HealthReading, err error) {
	all, err := h.run.Read(ctx)
	if err != nil && len(all) == 0 {
		return out, err
	}
	now := time.Now()
	h.take(all, now)
	h.settings.do(now, 0, func() { h.each((*checked).readSettings) })
	h.tracking.do(now, trackEvery, func() { h.each((*checked).readTracking) })
	h.counts.do(now, countsEvery, h.takeCounts)

	var named []doctor.Named
	for _, r := range all {
		s := h.snapshot(r.ID)
		named = append(named, doctor.Named{Name: h.run.Name(r.ID), Snapshot: s, Checks: doctor.Diagnose(s)})
		out.Entries += r.Entries
	}
	if len(all) == 1 {
		out.Max = all[0].Max
	}
	out.split(named, h.total)
	return out, nil
}

// take adds a reading of every namespace, and forgets namespaces that are gone.
func (h *Health) take(all []Reading, now time.Time) {
	of := make(map[monitor.NetNS]*checked, len(all))
	for _, r := range all {
		c := h.of[r.ID]
		before := map[string]uint64{}
		if c == nil {
			c = &checked{id: r.ID}
			c.base.Place = h.run.Place(r.ID)
			h.in(c, (*checked).readSettings)
			h.in(c, (*checked).readTracking)
		} else {
			before = c.readings[len(c.readings)-1].Counters
		}
		for word, n := range r.Counters {
			h.total[word] += n - before[word]
		}
		c.readings = append(c.readings, r.Reading)
		for len(c.readings) > 1 && now.Sub(c.readings[0].At) > healthSpan {
			c.readings = c.readings[1:]
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

// in calls f with the descriptor of a namespace, unless that is gone.
func (h *Health) in(c *checked, f func(c *checked, fd int)) {
	_ = h.run.In(c.id, func(fd int) error { f(c, fd); return nil })
}

func (h *Health) each(f func(c *checked, fd int)) {
	for _, c := range h.of {
		h.in(c, f)
	}
}

// readSettings leaves the settings as they were if they can't be read.
func (c *checked) readSettings(fd int) { _ = probe.Settings(&c.base, fd) }

func (c *checked) readTracking(fd int) { c.base.Tracking = probe.Tracking(fd) }

// takeCounts counts the flows of the run's own table. Their timeouts are old, so
// that nothing is known of idle flows.
func (h *Health) takeCounts() {
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

// snapshot is what is known of a namespace over the last minute.
func (h *Health) snapshot(id monitor.NetNS) *doctor.Snapshot {
	c := h.of[id]
	s := c.base
	probe.Between(&s, &c.readings[0], &c.readings[len(c.readings)-1])
	s.Capture = h.capture()
	return &s
}

// capture is how the events came in the last minute.
func (h *Health) capture() doctor.Capture {
	old, last := &h.load[0], &h.load[len(h.load)-1]
	c := doctor.Capture{
		Way: h.run.Capture.Way().String(), Capacity: h.run.Capture.Stats().Capacity,
		Events: last.received - old.received, Lost: last.lost - old.lost,
	}
	if err := h.run.Capture.WhyNotRing(); err != nil {
		c.NotRing = err.Error()
	}
	return c
}

// counterCheck begins the ids of checks of one counter.
const counterCheck = "counter."

// Quiet is [Run.Quiet].
func (h *Health) Quiet(ctx context.Context) (reason, command string, err error) {
	return h.run.Quiet(ctx)
}

// split takes the checks of counters apart from the others.
func (out *HealthReading) split(named []doctor.Named, total map[string]uint64) {
	for _, c := range doctor.Merge(named) {
		word, ok := strings.CutPrefix(c.ID, counterCheck)
		switch {
		case !ok:
			out.Checks = append(out.Checks, c.Check)
		case c.Level != doctor.Skip:
			means := c.Of.Meaning(word)
			if c.Level != doctor.OK {
				means = doctor.InNamespaces(c.In, means)
			}
			out.Counters = append(out.Counters, CounterReading{
				Word: word, Total: total[word], Level: c.Level, Command: c.Command, Means: means,
			})
		}
	}
}
