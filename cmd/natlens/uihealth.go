//go:build linux

package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/doctor"
	"natlens/monitor/findings"
	"natlens/monitor/table"
	"natlens/tui"
)

// liveHealth tells the UI how connection tracking is: doctor's checks, over what
// moved in the last minute.
type liveHealth struct {
	netns   int
	place   doctor.Place
	capture capture.Capture
	table   *table.Table
	moving  *movingStats

	looks    []healthLook // of the last minute, oldest first
	tracking doctor.Snapshot
	trackDue time.Time
	census   *doctor.Census
	countDue time.Time
}

// healthLook is what moves, at one time.
type healthLook struct {
	at             time.Time
	entries        uint64
	counters       map[string]uint64
	received, lost uint64
}

// How long what is read is good for.
const (
	healthSpan  = time.Minute      // over which movements are told
	trackEvery  = 30 * time.Second // rules change seldom, and there may be thousands
	censusEvery = 10 * time.Second
	censusShare = 20 // taking it may need so much of the time: a twentieth
)

func newLiveHealth(netns int, capture capture.Capture, table *table.Table) (*liveHealth, error) {
	moving, err := watchStats(netns)
	if err != nil {
		return nil, err
	}
	return &liveHealth{netns: netns, place: placeOfFD(netns), capture: capture, table: table, moving: moving}, nil
}

func (h *liveHealth) close() { h.moving.close() }

// Look makes doctor's checks.
func (h *liveHealth) Look(ctx context.Context) (tui.HealthReading, error) {
	st, total, err := h.moving.read(ctx)
	if err != nil {
		return tui.HealthReading{}, err
	}
	now, cs := time.Now(), h.capture.Stats()
	h.looks = append(h.looks, healthLook{now, uint64(st.fill.Entries), total, cs.Received, cs.Lost})
	for len(h.looks) > 1 && now.Sub(h.looks[0].at) > healthSpan {
		h.looks = h.looks[1:]
	}
	s := &doctor.Snapshot{Place: h.place}
	if err := readSettings(s, h.netns); err != nil {
		return tui.HealthReading{}, err
	}
	h.fill(s, st.max(), now)
	return healthReading(s, doctor.Diagnose(s, doctor.DefaultLimits)), nil
}

// fill puts the looks of the last minute into the snapshot.
func (h *liveHealth) fill(s *doctor.Snapshot, limit uint64, now time.Time) {
	old, last := &h.looks[0], &h.looks[len(h.looks)-1]
	s.Look = now.Sub(old.at)
	s.Fill = doctor.Fill{Begin: old.entries, End: last.entries, Max: limit}
	s.Counters = make(map[string]doctor.Moved)
	for word, n := range last.counters {
		s.Counters[word] = doctor.Moved{Total: n, Moved: n - old.counters[word]}
	}
	s.Capture = doctor.Capture{
		Way: h.capture.Way().String(), Capacity: h.capture.Stats().Capacity,
		Events: last.received - old.received, Lost: last.lost - old.lost,
	}
	if err := capture.WhyNotRing(h.capture); err != nil {
		s.Capture.NotRing = err.Error()
	}
	if !now.Before(h.trackDue) {
		readTracking(&h.tracking, h.netns)
		h.trackDue = now.Add(trackEvery)
	}
	s.Tracking = h.tracking.Tracking
	if !now.Before(h.countDue) {
		h.census = censusOf(h.table)
		h.countDue = now.Add(max(censusEvery, censusShare*time.Since(now)))
	}
	s.Census = h.census
}

// censusOf counts the flows of the UI's own table: what doctor dumps the kernel's
// for. Timeouts in it are old, so that it tells nothing of idle flows.
func censusOf(t *table.Table) *doctor.Census {
	c := new(doctor.Census)
	var e monitor.Event
	now := monitor.Now()
	t.Scan(func(i uint32, r *table.Row, x *monitor.Extra) bool {
		if !r.Ended() {
			r.Event(i, x, now, &e)
			c.Add(&e)
		}
		return true
	})
	return c
}

// counterCheck begins the ids of checks of one counter.
const counterCheck = "counter."

// healthReading is what the checks found, for the UI.
func healthReading(s *doctor.Snapshot, all []doctor.Check) tui.HealthReading {
	r := tui.HealthReading{Entries: s.Fill.End, Max: s.Fill.Max}
	levels := map[doctor.Level]tui.HealthLevel{doctor.Warn: tui.HealthWarn, doctor.Fail: tui.HealthFail}
	for _, c := range all {
		if word, ok := strings.CutPrefix(c.ID, counterCheck); ok {
			if c.Level != doctor.Skip {
				r.Counters = append(r.Counters, tui.HealthCounter{
					Name: word, Means: s.Meaning(word), Total: s.Counters[word].Total, Level: levels[c.Level], Command: c.Command,
				})
			}
			continue
		}
		if level, ok := levels[c.Level]; ok {
			r.Checks = append(r.Checks, tui.HealthCheck{Level: level, Name: c.ID, Text: c.Text, Command: c.Command})
		}
	}
	slices.SortStableFunc(r.Checks, func(a, b tui.HealthCheck) int { return cmp.Compare(b.Level, a.Level) })
	return r
}

// Quiet says why no event has come.
func (h *liveHealth) Quiet(ctx context.Context) (reason, command string, err error) {
	s, err := quietSnapshot(ctx, h.netns)
	if err != nil {
		return "", "", err
	}
	reason, command = doctor.Quiet(s)
	return reason, command, nil
}

var (
	_ tui.Health   = (*liveHealth)(nil)
	_ tui.Findings = (*findings.Engine)(nil)
)
