package findings

import (
	"fmt"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// inNetNS is what a look keeps of a network namespace: the ESTABLISHED flows that are
// idle there.
type inNetNS struct {
	group
	rows        uint64
	flows       uint64        // idle for long
	unsure      uint64        // nothing was heard of for as long, packets included or not
	established time.Duration // nf_conntrack_tcp_timeout_established
	below       float64       // a timeout of at most so many seconds is of an idle flow
}

// refreshEvery is how often fresh timeouts are asked for at the most: that is a
// dump of the kernel's table.
const refreshEvery = 10 * time.Minute

// settingEvery is how often nf_conntrack_tcp_timeout_established is read.
const settingEvery = 10 * time.Second

// setting is nf_conntrack_tcp_timeout_established as it was read at a time.
type setting struct {
	value time.Duration
	at    monitor.Time
}

// enter makes a namespace the one whose rows are looked at.
func (l *look) enter(n monitor.NetNS) {
	l.netns = n
	if l.in = l.all[n]; l.in != nil {
		return
	}
	l.in = new(inNetNS)
	l.all[n] = l.in
	if l.timeout == nil {
		return
	}
	s, known := l.settings[n]
	if age := l.now - s.at; !known || age < 0 || age >= monitor.Time(settingEvery) {
		s = setting{l.timeout(n), l.now}
		l.settings[n] = s
	}
	l.in.established = s.value
	l.in.below = s.value.Seconds() - l.limits[idleAge]
}

// idle takes an ESTABLISHED flow of the namespace that is looked at. Each packet sets
// the timeout anew, and what is missing from it is how long ago the last one was; a
// timeout above the setting is of a flow with one of its own. No event tells of
// packets: what was last told may be old.
func (l *look) idle(i uint32, r *table.Row) {
	in := l.in
	switch {
	case in.established <= 0 || r.Known&monitor.AttrTimeout == 0:
	case float64(r.Flow.Timeout) <= in.below:
		in.flows++
		in.add(i, r, true)
	case r.Last <= l.silentSince:
		in.unsure++
	}
}

// mayBeIdle reports whether idle has something to count of an ESTABLISHED flow.
func (l *look) mayBeIdle(g *table.Glimpse) bool {
	return l.in.established > 0 && (float64(g.Timeout) <= l.in.below || g.Last <= l.silentSince)
}

// idlers finds the namespaces with many ESTABLISHED flows that were idle for long.
func (e *Engine) idlers(now monitor.Time) (found []candidate) {
	limit := e.cfg.Limits[idleFlows]
	for id, in := range e.look.all {
		if float64(in.flows+in.unsure) >= limit && in.unsure > in.flows && e.cfg.Refresh != nil && now-e.look.refreshed >= monitor.Time(refreshEvery) {
			e.look.refreshed = now
			e.cfg.Refresh()
		}
		if float64(in.flows) < limit/2 {
			continue
		}
		c := e.counted(key{netns: id}, in.flows, &in.group, limit)
		c.level = float64(in.flows) / limit
		c.finding.Subject = "table"
		c.finding.Text = fmt.Sprintf("%s idle for %s and longer, of %s", plural(in.flows, "ESTABLISHED flow"), e.text(idleAge), plural(in.rows, "flow"))
		c.finding.Figures = append(c.finding.Figures, monitor.Figure{Name: "table", Value: float64(in.rows)})
		e.show(&c, "list", fmt.Sprintf("tcp established timeout <= %ds", int64(in.below)))
		found = append(found, c)
	}
	return found
}
