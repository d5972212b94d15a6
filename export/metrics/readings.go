package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// readEvery is how often the table and the kernel are read at most. More frequent
// scrapes get the same values again.
const readEvery = time.Second

// readings are what was read last of the table and the kernel.
type readings struct {
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

// readLocked reads again if the last readings are too old. The caller holds mu.
func (r *readings) readLocked(cfg *Config, named labels) {
	now := cfg.Clock()
	if !r.at.IsZero() && !now.Before(r.at) && now.Sub(r.at) < readEvery {
		return
	}
	r.at = now
	if cfg.Kernel != nil {
		var err error
		if r.kernel, err = cfg.Kernel(); err != nil {
			r.failed++
		}
	}
	if cfg.Table != nil {
		r.scan = newScan(named)
		r.scan.take(cfg.Table, &r.names, now)
	}
}

// collectReadings gives what was read.
func (m *Metrics) collectReadings(to chan<- prometheus.Metric, named labels) {
	r := &m.readings
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readLocked(&m.cfg, named)
	if m.cfg.Kernel != nil {
		to <- kernelErrors.value(float64(r.failed))
	}
	for i := range r.kernel {
		if label, ok := named[r.kernel[i].NetNS]; ok {
			r.kernel[i].collect(to, m.scope(label))
		}
	}
	if r.scan == nil {
		return
	}
	had := r.seen
	r.seen = map[string]*seen{}
	for id, tally := range r.scan.of {
		label, ok := named[id]
		if !ok {
			continue // it ended since the scan
		}
		if r.seen[label] = had[label]; r.seen[label] == nil {
			r.seen[label] = new(seen)
		}
		tally.collect(to, m.scope(label), r.seen[label])
	}
	for i := range r.scan.pools {
		if label, ok := named[r.scan.pools[i].key.netns]; ok {
			r.scan.pools[i].collect(to, m.scope(label))
		}
	}
	to <- scanTook.value(r.scan.took.Seconds())
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
