package findings

import (
	"fmt"
	"maps"
	"time"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
)

// A flow is idle if its timeout says so and no packet passed between two dumps.
const (
	maxReadings  = maxKeys          // flows to compare; each takes about 100 bytes
	readingApart = 2 * time.Second  // minimum time between the two dumps
	refreshEvery = 10 * time.Minute // minimum time between two pairs of dumps for idle
)

// idle counts an ESTABLISHED flow. Events do not report packets, so the counters of a flow are
// those of the last dump.
func (s *scan) idle(sp *space, flow ref, r *table.Row) {
	if r.Flow.State != monitor.TCPEstablished || sp.timeouts.Established == 0 || r.Known&monitor.AttrTimeout == 0 {
		return
	}
	if float64(sp.timeouts.IdleFor(r.Flow.Timeout)) < s.cfg.Thresholds[idleAge] {
		if s.cfg.Thresholds.reached(idleAge, s.now-r.Last) {
			sp.unsure++
		}
		return
	}
	if s.compare(flow, r.Flow.Reading(r.Known, r.Last)) {
		sp.idle.add(flow, true)
	} else {
		sp.unsure++
	}
}

// compare reports whether no packet passed between the last two dumps of a flow.
func (s *scan) compare(flow ref, now monitor.Reading) bool {
	old := s.readings[flow]
	switch {
	case old == nil && len(s.readings) == maxReadings:
		return false
	case old == nil:
		s.readings[flow] = &idleReading{last: now, scan: s.number}
		return false
	case now.Counted && !old.last.Counted: // an event, before the first dump
		old.last = now
	case now.At-old.last.At >= monitor.Time(readingApart):
		old.last, old.idle = now, old.last.Unchanged(now)
	}
	old.scan = s.number
	return old.idle
}

// forgetReadings removes the flows that are not idle by their timeout in this scan.
func (s *scan) forgetReadings() {
	maps.DeleteFunc(s.readings, func(_ ref, r *idleReading) bool { return r.scan != s.number })
}

// refresh requests a dump, and later a second one to compare with it.
func (s *scan) refresh(now monitor.Time) {
	since := now - s.refreshed
	switch {
	case s.cfg.Refresh == nil:
	case since < 0, since >= monitor.Time(refreshEvery):
		s.refreshed, s.again = now, true
		s.cfg.Refresh()
	case s.again && since >= monitor.Time(readingApart):
		s.again = false
		s.cfg.Refresh()
	}
}

// idle finds the namespaces with many ESTABLISHED flows that have been idle for long.
func (e *Engine) idle() {
	for id, sp := range e.scan.spaces {
		flows := uint64(sp.idle.old)
		if sp.unsure > 0 && float64(flows+sp.unsure) >= e.limit {
			e.scan.refresh(e.now)
		}
		if float64(flows) < e.limit/2 {
			continue
		}
		above := max(sp.timeouts.Unacknowledged, sp.timeouts.MaxRetrans)
		below := int64(sp.timeouts.Established) - int64(e.cfg.Thresholds[idleAge])
		e.add(id, float64(flows)/e.limit, flows, sp.idle.refs(), "table",
			fmt.Sprintf("%s idle for %s and longer, of %s",
				human.Plural(flows, "ESTABLISHED flow"), e.text(idleAge), human.Plural(sp.rows, "flow")),
			fmt.Sprintf("tcp established timeout > %ds timeout <= %ds", above, below),
			monitor.Figure{Name: "table", Value: float64(sp.rows)})
	}
}
