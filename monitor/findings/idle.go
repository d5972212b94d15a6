package findings

import (
	"fmt"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// idleGroup is what is kept of ESTABLISHED flows.
type idleGroup struct {
	group
	flows  uint64 // idle for long
	unsure uint64 // nothing was heard of for as long, packets included or not
}

// refreshEvery is how often fresh timeouts are asked for at the most: that is a
// dump of the kernel's table.
const refreshEvery = 10 * time.Minute

// idle takes an ESTABLISHED flow. Each packet sets the timeout anew, and what is
// missing from it is how long ago the last one was; a timeout above the setting
// is of a flow with one of its own. No event tells of packets: what was last told
// may be old.
func (l *look) idle(i uint32, r *table.Row) {
	switch {
	case l.established <= 0 || r.Known&monitor.AttrTimeout == 0:
	case float64(r.Flow.Timeout) <= l.idleBelow:
		l.idles.flows++
		l.idles.add(i, r, true)
	case r.Last <= l.silentSince:
		l.idles.unsure++
	}
}

// mayBeIdle reports whether idle has something to count of an ESTABLISHED flow.
func (l *look) mayBeIdle(g *table.Glimpse) bool {
	return l.established > 0 && (float64(g.Timeout) <= l.idleBelow || g.Last <= l.silentSince)
}

// idlers finds ESTABLISHED flows that were idle for long.
func (e *Engine) idlers(now monitor.Time) (found []candidate) {
	limit, g := e.cfg.Limits[idleFlows], &e.look.idles
	if float64(g.flows+g.unsure) >= limit && g.unsure > g.flows && e.cfg.Refresh != nil && now-e.look.refreshed >= monitor.Time(refreshEvery) {
		e.look.refreshed = now
		e.cfg.Refresh()
	}
	if float64(g.flows) < limit/2 {
		return nil
	}
	c := e.counted(key{}, g.flows, &g.group, limit)
	c.level = float64(g.flows) / limit
	c.finding.Subject = "table"
	c.finding.Text = fmt.Sprintf("%s idle for %s and longer, of %s", plural(g.flows, "ESTABLISHED flow"), e.text(idleAge), plural(e.look.rows, "flow"))
	c.finding.Figures = append(c.finding.Figures, monitor.Figure{Name: "table", Value: float64(e.look.rows)})
	e.show(&c.finding, "list", fmt.Sprintf("tcp established timeout <= %ds", int64(e.look.idleBelow)))
	return []candidate{c}
}
