package findings

import (
	"fmt"
	"time"

	"natlens/monitor"
	"natlens/monitor/human"
)

// manyFlows finds hosts that open many more flows than the others.
func (e *Engine) manyFlows() {
	w := &e.window
	seconds := max(float64(e.now-w.began)/float64(time.Second), e.cfg.Thresholds[windowTime])
	factor := e.cfg.Thresholds[manyFactor]
	all := 0.0
	for i := range w.hosts.all {
		all += float64(w.hosts.all[i].n)
	}
	for i := range w.hosts.all {
		h := &w.hosts.all[i]
		rate, mean := float64(h.n)/seconds, 0.0
		level := rate / e.limit
		if others := len(w.hosts.all) - 1; others > 0 {
			mean = (all - float64(h.n)) / float64(others) / seconds
			level = min(level, rate/mean/factor)
		}
		if level < 0.5 {
			continue
		}
		from := h.key.addr.String()
		e.add(h.key.netns, level, h.n, h.value.last[:], from,
			fmt.Sprintf("%s opens %.0f flows a second, the other inside hosts %.1f on average", from, rate, mean),
			"src "+from, monitor.Figure{Name: "per_second", Value: rate},
			monitor.Figure{Name: "others_per_second", Value: mean})
	}
}

// manyDestinations finds hosts that open flows to very many destinations.
func (e *Engine) manyDestinations() {
	for i := range e.window.hosts.all {
		h := &e.window.hosts.all[i]
		to := float64(h.value.destinations)
		if to < e.limit/2 {
			continue
		}
		from, least := h.key.addr.String(), ""
		if h.value.destinations == e.window.most {
			least = "at least "
		}
		e.add(h.key.netns, to/e.limit, h.n, h.value.last[:], from,
			fmt.Sprintf("%s opened flows to %s%s within %s",
				from, least, human.Plural(h.value.destinations, "destination"), e.text(windowTime)),
			"src "+from, monitor.Figure{Name: "destinations", Value: to})
	}
}

// raceRules report a kernel counter that grows while a resolver gets queries:
//
//	one client, two queries at once from one port   ─▶ clash_resolve: none is lost
//	two clients whose queries NAT gives one port    ─▶ insert_failed: one is lost
var raceRules = [...]struct {
	counter string // the kernel's name
	text    string // what the kernel counts
}{
	{"insert_failed", "entries could not be inserted"},
	{"clash_resolve", "packets began a flow that another one had just begun"},
}

// resolvers returns the resolver with the most queries of each network namespace that has
// enough queries for a finding.
func (e *Engine) resolvers() map[monitor.NetNS]*tallied[key, recent] {
	most := make(map[monitor.NetNS]*tallied[key, recent])
	all := e.window.resolvers.all
	for i := range all {
		r := &all[i]
		if m := most[r.key.netns]; float64(r.n) >= e.cfg.Thresholds[raceQueries]/2 && (m == nil || r.n > m.n) {
			most[r.key.netns] = r
		}
	}
	return most
}

// races finds resolvers that get queries while a counter grows.
func races(at int) func(*Engine) {
	return func(e *Engine) {
		r, w, queries := &raceRules[at], &e.window, e.cfg.Thresholds[raceQueries]
		for netns, asked := range w.asked {
			before, known := w.counters[netns][r.counter]
			after, ok := w.moved[netns][r.counter]
			if !known || !ok || after < before || float64(after-before) < e.limit/2 {
				continue
			}
			moved, at := float64(after-before), asked.key.addr.String()
			e.add(netns, min(moved/e.limit, float64(asked.n)/queries), asked.n, asked.value.last[:], at,
				fmt.Sprintf("%.0f %s (%s) while %s asked %s",
					moved, r.text, r.counter, human.Plural(asked.n, "new UDP flow"), at),
				"udp dport 53 dst "+at, monitor.Figure{Name: r.counter, Value: moved})
		}
	}
}
