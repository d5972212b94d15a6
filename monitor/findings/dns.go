package findings

import (
	"fmt"

	"natlens/monitor"
	"natlens/monitor/human"
)

// The rules about races:
//
//	one client, two queries at once from one port   ─▶ clash_resolve: both go on
//	two clients whose queries NAT gives one port    ─▶ insert_failed: one is lost
var races = [...]race{
	{ruleDNSRace, raceFailed, func(c *Counters) uint64 { return c.InsertFailed }, "insert_failed",
		"entries could not be inserted"},
	{ruleDNSClash, raceClashes, func(c *Counters) uint64 { return c.ClashResolve }, "clash_resolve",
		"packets began a flow that another one had just begun"},
}

// counters asks the kernel. Nil: it could not be asked.
func (e *Engine) counters() map[monitor.NetNS]Counters {
	if e.cfg.Counters == nil {
		return nil
	}
	c, err := e.cfg.Counters()
	if err != nil {
		return nil
	}
	return c
}

// resolvers returns the resolver that is asked most, of each network namespace in which
// there are enough queries to let a finding go on.
func (e *Engine) resolvers() map[monitor.NetNS]*tallied[hostKey, recent] {
	var most map[monitor.NetNS]*tallied[hostKey, recent]
	all := e.window.resolvers.all
	for i := range all {
		r := &all[i]
		if float64(r.n) < e.cfg.Thresholds[raceQueries]/2 {
			continue
		}
		if most == nil {
			most = make(map[monitor.NetNS]*tallied[hostKey, recent])
		}
		if m := most[r.key.netns]; m == nil || r.n > m.n {
			most[r.key.netns] = r
		}
	}
	return most
}

// racing finds resolvers that are asked while a counter moves; now is what the kernel
// counts now.
func (e *Engine) racing(r *race, resolvers map[monitor.NetNS]*tallied[hostKey, recent],
	now map[monitor.NetNS]Counters) (found []candidate) {
	limit, queries := e.cfg.Thresholds[r.limit], e.cfg.Thresholds[raceQueries]
	for netns, asked := range resolvers {
		was, known := e.window.counters[netns]
		is, ok := now[netns]
		before, after := r.of(&was), r.of(&is)
		if !known || !ok || after < before || float64(after-before) < limit/2 {
			continue
		}
		moved, at := after-before, asked.key.addr.String()
		found = append(found, e.candidate(netns, min(float64(moved)/limit, float64(asked.n)/queries), monitor.Finding{
			Subject: at,
			Text: fmt.Sprintf("%d %s (%s) while %s asked %s", moved, r.text, r.figure, human.Plural(asked.n,
				"new UDP flow"), at),
			Figures:  figures(asked.n, limit, monitor.Figure{Name: r.figure, Value: float64(moved)}),
			Examples: e.rows(asked.value.last[:]),
		}, "list", "udp dport 53 dst "+at))
	}
	return found
}
