package metrics

import (
	"sync"
	"time"
)

// snapshotEvery is the lifetime of a snapshot. More frequent scrapes get the same values.
const snapshotEvery = time.Second

// snapshots are the last ones of the kernel's numbers and of the table.
type snapshots struct {
	mu     sync.Mutex
	at     time.Time
	kernel []Kernel // of the namespaces that could be read
	failed uint64
	scan   *scan
	names  names
	seen   map[string]*seen // by label netns
}

// seen are the series of natlens_flows that were sent before. They are sent forever: a
// missing value would mean "unknown".
type seen [protoSlots][stateSlots]bool

// refreshLocked makes new snapshots if the last ones are too old. The caller holds mu.
func (s *snapshots) refreshLocked(cfg *Config, named labels) {
	now := cfg.Clock()
	if !s.at.IsZero() && !now.Before(s.at) && now.Sub(s.at) < snapshotEvery {
		return
	}
	s.at = now
	if cfg.Kernel != nil {
		var err error
		if s.kernel, err = cfg.Kernel(); err != nil {
			s.failed++
		}
	}
	if cfg.Table != nil {
		s.scan = newScan(named)
		s.scan.take(cfg.Table, &s.names, now)
	}
}

// collectSnapshots sends the values of the snapshots.
func (m *Metrics) collectSnapshots(o output, named labels) {
	s := &m.snapshots
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshLocked(&m.cfg, named)
	if m.cfg.Kernel != nil {
		o.value(kernelErrors, float64(s.failed))
	}
	for i := range s.kernel {
		if label, ok := named[s.kernel[i].NetNS]; ok {
			s.kernel[i].collect(o.in(label))
		}
	}
	if s.scan == nil {
		return
	}
	before := s.seen
	s.seen = map[string]*seen{}
	for id, tally := range s.scan.of {
		label, ok := named[id]
		if !ok {
			continue // it ended after the scan
		}
		if s.seen[label] = before[label]; s.seen[label] == nil {
			s.seen[label] = new(seen)
		}
		tally.collect(o.in(label), s.seen[label])
	}
	for i := range s.scan.pools {
		if label, ok := named[s.scan.pools[i].key.netns]; ok {
			s.scan.pools[i].collect(o.in(label))
		}
	}
	o.value(scanTook, s.scan.took.Seconds())
}

func (k *Kernel) collect(o output) {
	o.value(entries, float64(k.Entries))
	if k.Max > 0 {
		o.value(maximum, float64(k.Max))
	}
	for word, n := range k.Counters {
		o.value(kernelMoves, float64(n), word)
	}
}

// collect sends the flows by state, and the flows of pools without a series.
func (t *tally) collect(o output, before *seen) {
	for slot := range protoSlots {
		for state, n := range t.flows[slot] {
			if n > 0 || before[slot][state] || usual(slot, state) {
				before[slot][state] = true
				o.value(flows, float64(n), protocols[slot], states[slot][state])
			}
		}
	}
	for slot, n := range t.other {
		if n > 0 {
			// At most each flow has its own port.
			o.value(portsInUse, float64(n), "other", protocols[slot])
			o.value(snatFlows, float64(n), "other", protocols[slot])
		}
	}
	o.value(snatPools, float64(t.pools))
}

func (p *pool) collect(o output) {
	addr, proto := p.key.addr.String(), protocols[p.key.slot]
	o.value(portsInUse, float64(p.ports.Len()), addr, proto)
	o.value(portsThereAre, float64(p.available()), addr, proto)
	o.value(snatFlows, float64(p.flows), addr, proto)
}
