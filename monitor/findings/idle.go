package findings

import (
	"fmt"
	"time"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
)

// space is what a scan keeps of a network namespace.
type space struct {
	rows        uint64
	established time.Duration // nf_conntrack_tcp_timeout_established
	below       float64       // a timeout of at most so many seconds is of an idle flow
	idle        group         // ESTABLISHED flows that are idle
	flows       uint64        // of these
	unsure      uint64        // flows without a message for as long, with packets or without
}

// refreshEvery is the least time between two dumps that idle asks for.
const refreshEvery = 10 * time.Minute

// settingEvery is how often nf_conntrack_tcp_timeout_established is read.
const settingEvery = 10 * time.Second

// setting is nf_conntrack_tcp_timeout_established as it was read at a time.
type setting struct {
	value time.Duration
	at    monitor.Time
}

// space returns what this scan keeps of a namespace.
func (s *scan) space(n monitor.NetNS) *space {
	sp := s.spaces[n]
	if sp != nil {
		return sp
	}
	sp = new(space)
	s.spaces[n] = sp
	if s.cfg.EstablishedTimeout == nil {
		return sp
	}
	set, known := s.settings[n]
	if age := s.now - set.at; !known || age < 0 || age >= monitor.Time(settingEvery) {
		set = setting{s.cfg.EstablishedTimeout(n), s.now}
		s.settings[n] = set
	}
	sp.established = set.value
	sp.below = set.value.Seconds() - s.thresholds[idleAge]
	return sp
}

// idle counts an ESTABLISHED flow. Each packet sets the timeout anew, and what is
// missing from it is how long ago the last one was; a timeout above the setting is of a
// flow with one of its own. No event reports packets: a timeout may be old.
func (s *scan) idle(sp *space, flow ref, r *table.Row) {
	switch {
	case r.Flow.State != monitor.TCPEstablished, sp.established <= 0, r.Known&monitor.AttrTimeout == 0:
	case float64(r.Flow.Timeout) <= sp.below:
		sp.flows++
		sp.idle.add(flow, true)
	case float64(s.now-r.Last) >= s.thresholds[idleAge]*float64(time.Second):
		sp.unsure++
	}
}

// idle finds the namespaces with many ESTABLISHED flows that were idle for long.
func (e *Engine) idle(now monitor.Time) (found []candidate) {
	limit := e.cfg.Thresholds[idleFlows]
	for id, sp := range e.scan.spaces {
		if float64(sp.flows+sp.unsure) >= limit && sp.unsure > sp.flows && e.cfg.Refresh != nil && now-e.scan.refreshed >= monitor.Time(refreshEvery) {
			e.scan.refreshed = now
			e.cfg.Refresh()
		}
		if float64(sp.flows) < limit/2 {
			continue
		}
		found = append(found, e.candidate(id, float64(sp.flows)/limit, monitor.Finding{
			Subject:  "table",
			Text:     fmt.Sprintf("%s idle for %s and longer, of %s", human.Plural(sp.flows, "ESTABLISHED flow"), e.text(idleAge), human.Plural(sp.rows, "flow")),
			Flows:    sp.flows,
			Figures:  figures(sp.flows, limit, monitor.Figure{Name: "table", Value: float64(sp.rows)}),
			Examples: e.refs(&sp.idle),
		}, "list", fmt.Sprintf("tcp established timeout <= %ds", int64(sp.below))))
	}
	return found
}
