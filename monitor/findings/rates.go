package findings

import (
	"fmt"
	"hash/maphash"
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

// Limits of a window.
const (
	maxHosts        = 1 << 14
	maxPairs        = 1 << 18 // pairs of a host and a destination; a pair takes some 16 bytes
	maxDestinations = 8192    // of one host, unless the threshold is above
)

// window counts the new flows of a span of time, which the table does not contain:
//
//	│◀──── window ────▶│◀──── window ────▶│
//	  ▲   ▲   ▲   ▲   ▲: findings that reach their threshold appear
//	                  └ findings below half of it are cleared
type window struct {
	began   monitor.Time
	checked monitor.Time

	hosts     tally[key, inside]
	pairs     map[uint64]struct{} // hosts with a destination, hashed
	seed      maphash.Seed
	most      uint64 // destinations of one host that are counted
	resolvers tally[key, recent]

	counters map[monitor.NetNS]map[string]uint64 // at the beginning of the window; nil: unknown
	moved    map[monitor.NetNS]map[string]uint64 // now
	asked    map[monitor.NetNS]*tallied[key, recent]
}

// inside counts the flows of an inside host.
type inside struct {
	recent
	destinations uint64 // distinct ones
}

// recent are the latest flows of a group.
type recent struct {
	last [2]ref
	next uint8
}

func (r *recent) add(e *monitor.Event) {
	r.last[r.next] = ref{e.Row, e.Gen}
	r.next ^= 1
}

// observe counts the new flows of some events.
func (w *window) observe(events []monitor.Event) {
	for i := range events {
		e := &events[i]
		if e.Kind != monitor.KindNew || e.Inferred {
			continue
		}
		t := &e.Flow.Orig
		if t.Proto == monitor.UDP && t.DstPort == 53 {
			if r := w.resolvers.add(key{addr: t.Dst, netns: t.NetNS}); r != nil {
				r.value.add(e)
			}
		}
		if !isInside(&e.Flow) {
			continue
		}
		if h := w.hosts.add(key{addr: t.Src, netns: t.NetNS}); h != nil {
			h.value.add(e)
			if h.value.destinations < w.most {
				w.reaches(&h.value, t)
			}
		}
	}
}

// reaches counts the destination of a flow, once for each host and window.
func (w *window) reaches(h *inside, t *monitor.Tuple) {
	pair := maphash.Comparable(w.seed, key{t.Src, t.Dst, 0, t.DstPort, t.NetNS, t.Proto})
	if _, ok := w.pairs[pair]; !ok && len(w.pairs) < maxPairs {
		w.pairs[pair] = struct{}{}
		h.destinations++
	}
}

// isInside reports whether a flow comes from a host on the inside: its address is
// private, hidden by NAT, or one of this host.
func isInside(f *monitor.Flow) bool {
	if f.Status&monitor.SrcNAT != 0 || f.Path == monitor.PathOut || f.Path == monitor.PathLoop {
		return true
	}
	a := &f.Orig.Src
	return a.Netip().IsPrivate() || a.Is4() && a[12] == 100 && a[13]&0xc0 == 64 // RFC 1918, RFC 4193; RFC 6598
}
