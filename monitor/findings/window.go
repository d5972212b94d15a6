package findings

import (
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"natlens/monitor"
	"natlens/monitor/human"
)

// Bounds of what a window counts.
const (
	maxHosts        = 1 << 14
	maxPairs        = 1 << 18 // pairs of a host and a destination; a pair takes some 16 bytes
	maxDestinations = 8192    // of one host, unless the threshold is above
)

func (r *recent) add(e *monitor.Event) {
	r.last[r.next] = ref{e.Row, e.Gen}
	r.next ^= 1
}

// checkEvery is how often a window is evaluated before it ends.
const checkEvery = time.Second

func (w *window) init(t *Thresholds) {
	w.seed, w.pairs = maphash.MakeSeed(), make(map[uint64]struct{})
	w.hosts.max = maxHosts
	w.most = max(maxDestinations, uint64(t[manyDestinations]))
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
			if r := w.resolvers.add(hostKey{t.Dst, t.NetNS}); r != nil {
				r.value.add(e)
			}
		}
		if !isInside(&e.Flow) {
			continue
		}
		if h := w.hosts.add(hostKey{t.Src, t.NetNS}); h != nil {
			h.value.add(e)
			if h.value.destinations < w.most {
				w.reaches(&h.value, t)
			}
		}
	}
}

// reaches counts the destination of a flow, unless the host has opened a flow to it in
// this window.
func (w *window) reaches(h *inside, t *monitor.Tuple) {
	pair := maphash.Comparable(w.seed, key{t.Src, t.Dst, 0, t.DstPort, t.NetNS, t.Proto})
	if slices.Contains(h.first[:min(h.destinations, uint64(len(h.first)))], pair) {
		return
	}
	if h.destinations < uint64(len(h.first)) {
		h.first[h.destinations] = pair
		h.destinations++
		return
	}
	if _, ok := w.pairs[pair]; ok {
		return
	}
	if len(w.pairs) == maxPairs {
		w.beyond++
		return
	}
	w.pairs[pair] = struct{}{}
	h.destinations++
}

// isInside reports whether a flow comes from a host on the inside: its address is
// private, hidden by NAT, or one of this host.
func isInside(f *monitor.Flow) bool {
	if f.Status&monitor.SrcNAT != 0 || f.Path == monitor.PathOut || f.Path == monitor.PathLoop {
		return true
	}
	a := &f.Orig.Src
	if !a.Is4() {
		return a[0]&0xfe == 0xfc // RFC 4193
	}
	switch {
	case a[12] == 10, a[12] == 172 && a[13]&0xf0 == 16, a[12] == 192 && a[13] == 168: // RFC 1918
		return true
	}
	return a[12] == 100 && a[13]&0xc0 == 64 // RFC 6598
}

// tickWindow evaluates the window, and begins the next one when it is over. It returns
// whether it did.
func (e *Engine) tickWindow(now monitor.Time) bool {
	w := &e.window
	switch {
	case w.began == 0: // the first window has what was observed before the first tick
		w.began, w.checked, w.counters = now, now, e.counters()
		return false
	case now < w.began: // the clock was set back
		e.openWindow(now)
		return false
	}
	full := float64(now-w.began) >= e.cfg.Thresholds[windowTime]*float64(time.Second)
	if !full && now < w.checked+monitor.Time(checkEvery) {
		return false
	}
	w.checked = now
	if full {
		e.closeWindow(now)
		e.openWindow(now)
		return true
	}
	e.rates(now, e.confirmReached)
	return true
}

// closeWindow evaluates a window that is over.
func (e *Engine) closeWindow(now monitor.Time) {
	e.rates(now, e.update)
	e.window.missed = e.window.hosts.beyond + e.window.resolvers.beyond + e.window.beyond
}

// rates evaluates the rules about rates.
func (e *Engine) rates(now monitor.Time, update func(ruleID, []candidate, monitor.Time)) {
	update(ruleManyFlows, e.manyFlows(now), now)
	update(ruleManyDestinations, e.manyDestinations(), now)
	resolvers := e.resolvers()
	var counters map[monitor.NetNS]Counters
	if resolvers != nil && e.window.counters != nil {
		counters = e.counters()
	}
	for i := range races {
		update(races[i].rule, e.racing(&races[i], resolvers, counters), now)
	}
}

func (e *Engine) openWindow(now monitor.Time) {
	w := &e.window
	w.began, w.checked, w.beyond = now, now, 0
	w.hosts.reset()
	w.resolvers.reset()
	clear(w.pairs)
	w.counters = e.counters()
}

// manyFlows finds hosts that open many more flows than the others.
func (e *Engine) manyFlows(now monitor.Time) (found []candidate) {
	w := &e.window
	seconds := max(float64(now-w.began)/float64(time.Second), e.cfg.Thresholds[windowTime])
	limit, factor := e.cfg.Thresholds[manyFlows], e.cfg.Thresholds[manyFactor]
	all := 0.0
	for i := range w.hosts.all {
		all += float64(w.hosts.all[i].n)
	}
	for i := range w.hosts.all {
		h := &w.hosts.all[i]
		rate, mean := float64(h.n)/seconds, 0.0
		level := rate / limit
		if others := len(w.hosts.all) - 1; others > 0 {
			mean = (all - float64(h.n)) / float64(others) / seconds
			level = min(level, rate/mean/factor)
		}
		if level < 0.5 {
			continue
		}
		from := h.key.addr.String()
		found = append(found, e.candidate(h.key.netns, level, monitor.Finding{
			Subject: from,
			Text: fmt.Sprintf("%s opens %.0f flows a second, the other inside hosts %.1f on average", from, rate,
				mean),
			Figures: figures(h.n, limit, monitor.Figure{Name: "per_second", Value: rate},
				monitor.Figure{Name: "others_per_second", Value: mean}),
			Examples: e.rows(h.value.last[:]),
		}, "list", "src "+from))
	}
	return found
}

// manyDestinations finds hosts that open flows to very many destinations.
func (e *Engine) manyDestinations() (found []candidate) {
	limit := e.cfg.Thresholds[manyDestinations]
	for i := range e.window.hosts.all {
		h := &e.window.hosts.all[i]
		to := float64(h.value.destinations)
		if to < limit/2 {
			continue
		}
		from, least := h.key.addr.String(), ""
		if h.value.destinations == e.window.most {
			least = "at least "
		}
		found = append(found, e.candidate(h.key.netns, to/limit, monitor.Finding{
			Subject: from,
			Text: fmt.Sprintf("%s opened flows to %s%s within %s", from, least, human.Plural(h.value.destinations,
				"destination"), e.text(windowTime)),
			Figures:  figures(h.n, limit, monitor.Figure{Name: "destinations", Value: to}),
			Examples: e.rows(h.value.last[:]),
		}, "list", "src "+from))
	}
	return found
}
