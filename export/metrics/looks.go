package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// lookEvery is how long a look at the table and at the kernel is good for: who
// scrapes more often gets the same again.
const lookEvery = time.Second

// looks are the last looks at what takes some work.
type looks struct {
	mu     sync.Mutex
	at     time.Time
	kernel []Kernel // of the namespaces that could be read
	failed uint64
	scan   *scan
	names  names
	seen   map[string]*seen // by label netns
}

// seen are the series of natlens_flows that were given before. A gap would read as
// not known.
type seen [protoSlots][stateSlots]bool

// lookLocked makes new looks if the last ones are too old. The caller holds mu.
func (l *looks) lookLocked(cfg *Config, named labels) {
	now := cfg.Clock()
	if !l.at.IsZero() && !now.Before(l.at) && now.Sub(l.at) < lookEvery {
		return
	}
	l.at = now
	if cfg.Kernel != nil {
		var err error
		if l.kernel, err = cfg.Kernel(); err != nil {
			l.failed++
		}
	}
	if cfg.Table != nil {
		l.scan = newScan(named)
		l.scan.take(cfg.Table, &l.names, now)
	}
}

// collectLooks gives what the looks found.
func (m *Metrics) collectLooks(to chan<- prometheus.Metric, named labels) {
	l := &m.looks
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lookLocked(&m.cfg, named)
	if m.cfg.Kernel != nil {
		to <- kernelErrors.value(float64(l.failed))
	}
	for i := range l.kernel {
		if label, ok := named[l.kernel[i].NetNS]; ok {
			l.kernel[i].collect(to, m.scope(label))
		}
	}
	if l.scan == nil {
		return
	}
	had := l.seen
	l.seen = map[string]*seen{}
	for id, tally := range l.scan.of {
		label, ok := named[id]
		if !ok {
			continue // it ended since the scan
		}
		if l.seen[label] = had[label]; l.seen[label] == nil {
			l.seen[label] = new(seen)
		}
		tally.collect(to, m.scope(label), l.seen[label])
	}
	for i := range l.scan.pools {
		if label, ok := named[l.scan.pools[i].key.netns]; ok {
			l.scan.pools[i].collect(to, m.scope(label))
		}
	}
	to <- scanTook.value(l.scan.took.Seconds())
}

func (k *Kernel) collect(to chan<- prometheus.Metric, s scope) {
	to <- s.value(entries, float64(k.Entries))
	if k.Max > 0 {
		to <- s.value(maximum, float64(k.Max))
	}
	for word, n := range k.Counters {
		to <- s.value(kernelMoves, float64(n), word)
	}
}

// collect gives the flows by state, and those of pools without series of their own.
func (t *tally) collect(to chan<- prometheus.Metric, s scope, had *seen) {
	for slot := range protoSlots {
		for state, n := range t.flows[slot] {
			if n > 0 || had[slot][state] || usual(slot, state) {
				had[slot][state] = true
				to <- s.value(flows, float64(n), protocols[slot], states[slot][state])
			}
		}
	}
	for slot, n := range t.other {
		if n > 0 {
			// Each flow as if it had a port of its own: not less than there are.
			to <- s.value(portsInUse, float64(n), "other", protocols[slot])
			to <- s.value(snatFlows, float64(n), "other", protocols[slot])
		}
	}
	to <- s.value(snatPools, float64(t.pools))
}

func (p *pool) collect(to chan<- prometheus.Metric, s scope) {
	addr, proto := p.key.addr.String(), protocols[p.key.slot]
	to <- s.value(portsInUse, float64(p.ports.Len()), addr, proto)
	to <- s.value(portsThereAre, float64(p.room()), addr, proto)
	to <- s.value(snatFlows, float64(p.flows), addr, proto)
}
