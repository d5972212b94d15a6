//go:build !nometrics

package metrics

import (
	"cmp"
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
	seen   map[string]*seen // by label netns
}

// seen are the series of natlens_flows that were ever sent. They are always sent again, because
// a missing value would mean "unknown".
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
		before := s.scan
		s.scan = newScan(named)
		s.scan.take(cfg.Table, before)
	}
}

func (m *Metrics) collectSnapshots(o output, named labels) {
	s := &m.snapshots
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshLocked(&m.cfg, named)
	if m.cfg.Kernel != nil {
		o.value(kernelErrors, float64(s.failed))
	}
	for _, k := range s.kernel {
		if o, ok := o.of(named, k.NetNS); ok {
			o.value(entries, float64(k.Entries))
			if k.Max > 0 {
				o.value(maximum, float64(k.Max))
			}
			for word, n := range k.Counters {
				o.value(kernelMoves, float64(n), word)
			}
		}
	}
	if s.scan == nil {
		return
	}
	before := s.seen
	s.seen = map[string]*seen{}
	for id, tally := range s.scan.of {
		if o, ok := o.of(named, id); ok { // otherwise it ended after the scan
			s.seen[o.netns] = cmp.Or(before[o.netns], new(seen))
			tally.collect(o, s.seen[o.netns])
		}
	}
	for _, p := range s.scan.pools {
		if o, ok := o.of(named, p.key.netns); ok {
			addr, proto := p.key.addr.String(), protocols[p.key.slot]
			o.value(portsInUse, float64(p.ports.Len()), addr, proto)
			o.value(portsThereAre, float64(p.available()), addr, proto)
			o.value(snatFlows, float64(p.flows), addr, proto)
		}
	}
	o.value(scanTook, s.scan.took.Seconds())
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
		if n := t.other[slot]; n > 0 { // at most each flow has its own port
			o.value(portsInUse, float64(n), "other", protocols[slot])
			o.value(snatFlows, float64(n), "other", protocols[slot])
		}
	}
	o.value(snatPools, float64(t.pools))
}
