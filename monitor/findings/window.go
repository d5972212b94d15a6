package findings

import (
	"fmt"
	"time"

	"natlens/monitor"
)

// rates counts the new flows of a window of time:
//
//	│◀──── window ────▶│◀──── window ────▶│
//	  ▲   ▲   ▲   ▲   ▲: what is above its limit already appears
//	                  └ what is below half of it is on its way to be gone
type rates struct {
	began   monitor.Time
	checked monitor.Time

	pace      pace
	looked    uint64 // flows of inside hosts that were looked at
	flows     uint64 // and for how many they stand
	sources   *sieve[source]
	towards   []distinct // destinations of the sources, by their place in the sieve
	begin     uint32     // see beginTowards
	touched   uint32     // keeps observe's reads alive
	hosts     *crowd
	resolvers *sieve[recent]

	counters map[monitor.NetNS]Counters // when the window began; nil: not known
}

// source is what is kept of an inside host. Where there are very many, nearly every
// flow is of one that has to be taken up anew: the destinations, which are ten times
// as large, are begun only for who has come more often.
type source struct {
	recent
	towards uint16 // place of the destinations, and 1; 0: not begun
	missed  uint16 // flows that were looked at before they were
}

// From its so manieth flow on the destinations of a source are counted: at most the
// sixteenth part of the limit is missed. Where one in so many flows is looked at,
// these count for all.
func beginTowards(limit float64) uint32 { return uint32(min(max(limit/16, 1), 8)) }

// recent are the flows of a group that came last.
type recent struct {
	last [2]ref
	next uint32 // how many were looked at
}

func (r *recent) saw(e *monitor.Event) {
	r.last[r.next&1] = ref{e.Row, e.Gen}
	r.next++
}

// each is for how many flows each one that was looked at stands, where they were n
// in all.
func (r *recent) each(n uint64) float64 { return float64(n) / float64(max(r.next, 1)) }

// about is the word for a count that is an estimate.
func (r *recent) about(n uint64) string {
	if r.each(n) > 1 {
		return "about "
	}
	return ""
}

// checkEvery is how often a window that goes on is looked at.
const checkEvery = time.Second

// sourceOrder is how many inside hosts are counted, as a power of two.
const sourceOrder = 11

func (w *rates) init(l *Limits) {
	w.sources = newSieve[source](sourceOrder)
	w.towards, w.begin = make([]distinct, 1<<sourceOrder), beginTowards(l[manyDestinations])
	w.hosts = new(crowd)
	w.resolvers = newSieve[recent](6)
}

// observeAtOnce is how many events observe takes at once, at the most.
const observeAtOnce = 32

// observe counts the new flows of some events. It does not allocate.
func (w *rates) observe(events []monitor.Event) {
	w.pace.seen += uint64(len(events))
	i, n := w.pace.skip, uint64(len(events))
	if w.pace.every <= 1 {
		i = 0
	}
	for i < n {
		i = w.some(events, i)
	}
	w.pace.skip = i - n
}

// some takes up to observeAtOnce of the events, from the i-th on, and returns which
// one is the next.
//
// Where there are very many hosts each is somewhere else in memory. All places are
// touched first, so that the waits for them overlap.
func (w *rates) some(events []monitor.Event, i uint64) uint64 {
	var born [observeAtOnce]struct {
		hash uint64 // of the source
		at   uint32 // which event
	}
	each := max(w.pace.every, 1)
	n, touched := 0, uint32(0)
	for ; i < uint64(len(events)) && n < len(born); i += 1 + w.pace.next() {
		e := &events[i]
		if e.Kind != monitor.KindNew || e.Inferred {
			continue
		}
		if t := &e.Flow.Orig; t.Proto == monitor.UDP && t.DstPort == 53 {
			k := key{addr: t.Dst, netns: t.NetNS}
			w.resolvers.addHashed(&k, k.hash(), each).saw(e)
		}
		if inside(e) {
			born[n].hash, born[n].at = hashAddr(&e.Flow.Orig.Src, uint64(e.Flow.Orig.NetNS)), uint32(i)
			touched += w.sources.touch(born[n].hash)
			n++
		}
	}
	w.touched = touched
	w.looked += uint64(n)
	w.flows += uint64(n) * uint64(each)
	for _, b := range born[:n] {
		w.source(&events[b.at], b.hash, each)
	}
	return i
}

// source counts new flows of an inside host, by the hash of its address: one that
// is looked at, and stands for each.
func (w *rates) source(e *monitor.Event, h uint64, each uint32) {
	t := &e.Flow.Orig
	k := key{addr: t.Src, netns: t.NetNS}
	s := w.sources.admit(&k, h, each)
	if s == nil {
		w.hosts.add(h)
		return
	}
	if s.next == 0 {
		w.hosts.add(h)
	}
	s.saw(e)
	at := w.sources.at()
	if s.towards == 0 {
		if s.next*each < w.begin {
			return
		}
		s.towards, s.missed = uint16(at+1), uint16(s.next-1)
		w.towards[at] = distinct{}
	}
	w.towards[at].add(hashAddr(&t.Dst, uint64(t.DstPort)|uint64(t.Proto)<<16|1<<24))
}

// inside reports whether a flow begins at a host of ours: its address is a
// private one, or hidden by NAT, or of this host.
func inside(e *monitor.Event) bool {
	f := &e.Flow
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

// check judges the window, and begins the next one when it is over. It returns
// whether it judged.
func (e *Engine) check(now monitor.Time) bool {
	w := &e.rates
	w.pace.keep(now)
	if w.began == 0 || now < w.began { // or the clock was put back
		e.openWindow(now)
		return false
	}
	full := float64(now-w.began) >= e.cfg.Limits[window]*float64(time.Second)
	if !full && now < w.checked+monitor.Time(checkEvery) {
		return false
	}
	w.checked = now
	if full {
		e.closeWindow(now)
		e.openWindow(now)
		return true
	}
	e.peek(ruleManyFlows, e.manyFlows(now), now)
	e.peek(ruleManyDestinations, e.manyDestinations(), now)
	races, clashes := e.races()
	e.peek(ruleDNSRace, races, now)
	e.peek(ruleDNSClash, clashes, now)
	return true
}

// closeWindow judges a window that is over.
func (e *Engine) closeWindow(now monitor.Time) {
	e.judge(ruleManyFlows, e.manyFlows(now), now)
	e.judge(ruleManyDestinations, e.manyDestinations(), now)
	races, clashes := e.races()
	e.judge(ruleDNSRace, races, now)
	e.judge(ruleDNSClash, clashes, now)
}

// peek is judge for a window that goes on: only what is above its limit counts.
func (e *Engine) peek(rule ruleID, found []candidate, now monitor.Time) {
	for i := range found {
		if found[i].level >= 1 {
			e.confirm(rule, &e.judges[rule], &found[i], now)
		}
	}
}

// openWindow begins a window.
func (e *Engine) openWindow(now monitor.Time) {
	w := &e.rates
	w.began, w.checked, w.looked, w.flows = now, now, 0, 0
	w.sources.reset()
	*w.hosts = crowd{}
	w.resolvers.reset()
	w.counters = e.counters()
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

// manyFlows finds hosts that open many more flows than the others.
func (e *Engine) manyFlows(now monitor.Time) (found []candidate) {
	w := &e.rates
	seconds := max(float64(now-w.began)/float64(time.Second), e.cfg.Limits[window])
	limit, factor := e.cfg.Limits[manyFlows], e.cfg.Limits[manyFactor]
	others := 0.0
	if w.looked > 0 {
		others = max(unseen(w.hosts.estimate(), float64(w.looked), float64(w.flows)/float64(w.looked))-1, 0)
	}
	w.sources.most(atLeast(limit*seconds/2), func(k key, n uint64, v *source) {
		rate := float64(n) / seconds
		mean := 0.0
		if others >= 0.5 {
			mean = float64(w.flows-min(n, w.flows)) / others / seconds
		}
		sure := surely(float64(n), v.each(n)) / seconds
		level := sure / limit
		if mean > 0 {
			level = min(level, sure/mean/factor)
		}
		if level < 0.5 {
			return
		}
		from := k.addr.String()
		c := candidate{k, level, monitor.Finding{
			Subject:  from,
			Text:     fmt.Sprintf("%s opens %s%.0f flows a second, the other inside hosts %.1f each", from, v.about(n), rate, mean),
			Figures:  []monitor.Figure{{Name: "flows", Value: float64(n)}, {Name: "limit", Value: limit}, {Name: "per_second", Value: rate}, {Name: "others_per_second", Value: mean}},
			Examples: e.rows(v.last[:]),
		}}
		e.show(&c, "list", "src "+from)
		found = append(found, c)
	})
	return found
}

// manyDestinations finds hosts that open flows to very many of them.
func (e *Engine) manyDestinations() (found []candidate) {
	limit := e.cfg.Limits[manyDestinations]
	e.rates.sources.most(atLeast(limit/2), func(k key, n uint64, v *source) {
		if v.towards == 0 {
			return
		}
		// No more than there were flows, whatever the bits say.
		to := min(unseen(e.rates.towards[v.towards-1].estimate(), float64(v.next-uint32(v.missed)), v.each(n)), float64(n))
		sure := surely(to, v.each(n))
		if sure < limit/2 {
			return
		}
		from := k.addr.String()
		c := candidate{k, sure / limit, monitor.Finding{
			Subject:  from,
			Text:     fmt.Sprintf("%s opened flows to about %.0f destinations within %s", from, to, e.text(window)),
			Figures:  []monitor.Figure{{Name: "flows", Value: float64(n)}, {Name: "limit", Value: limit}, {Name: "destinations", Value: to}},
			Examples: e.rows(v.last[:]),
		}}
		e.show(&c, "list", "src "+from)
		found = append(found, c)
	})
	return found
}

// races finds the resolver of a namespace that is asked most while entries can't be
// inserted, and while the kernel makes one of two.
//
//	one client, two queries at once from one port   ─▶ clash_resolve: both go on
//	two clients whose queries NAT gives one port    ─▶ insert_failed: one is lost
func (e *Engine) races() (lost, saved []candidate) {
	if e.rates.counters == nil || !e.asked() {
		return nil, nil
	}
	now := e.counters()
	lost = e.racing(raceFailed, now, func(c *Counters) uint64 { return c.InsertFailed },
		"%.0f entries could not be inserted (insert_failed) while %s asked %s", "insert_failed")
	saved = e.racing(raceClashes, now, func(c *Counters) uint64 { return c.ClashResolve },
		"%.0f packets began a flow that another one had just begun (clash_resolve), while %s asked %s", "clash_resolve")
	return lost, saved
}

// asked reports whether any resolver has enough queries for a finding to go on.
func (e *Engine) asked() (any bool) {
	e.rates.resolvers.most(atLeast(e.cfg.Limits[raceQueries]/2), func(key, uint64, *recent) { any = true })
	return any
}

// racing is races for one counter, of which each namespace has its own: the one that
// of returns, as it was when the window began and as it is now.
func (e *Engine) racing(by limit, now map[monitor.NetNS]Counters, of func(*Counters) uint64, text, figure string) (found []candidate) {
	limit, queries := e.cfg.Limits[by], e.cfg.Limits[raceQueries]
	told := map[monitor.NetNS]bool{}
	e.rates.resolvers.most(atLeast(queries/2), func(k key, n uint64, v *recent) {
		was, known := e.rates.counters[k.netns]
		is, ok := now[k.netns]
		before, after := of(&was), of(&is)
		if !known || !ok || told[k.netns] || after < before || float64(after-before) < limit/2 {
			return
		}
		told[k.netns] = true
		moved, at := float64(after-before), k.addr.String()
		c := candidate{k, min(moved/limit, surely(float64(n), v.each(n))/queries), monitor.Finding{
			Subject:  at,
			Text:     fmt.Sprintf(text, moved, v.about(n)+plural(n, "new UDP flow"), at),
			Figures:  []monitor.Figure{{Name: "flows", Value: float64(n)}, {Name: "limit", Value: limit}, {Name: figure, Value: moved}},
			Examples: e.rows(v.last[:]),
		}}
		e.show(&c, "list", "udp dport 53 dst "+at)
		found = append(found, c)
	})
	return found
}
