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
	kernel *Kernel // nil: it could not be read
	failed uint64
	scan   *scan
	names  names
	seen   [protoSlots][stateSlots]bool // series of natlens_flows that stand
}

// lookLocked makes new looks if the last ones are too old. The caller holds mu.
func (l *looks) lookLocked(cfg *Config) {
	now := cfg.Clock()
	if !l.at.IsZero() && !now.Before(l.at) && now.Sub(l.at) < lookEvery {
		return
	}
	l.at = now
	if cfg.Kernel != nil {
		k, err := cfg.Kernel()
		l.kernel = &k
		if err != nil {
			l.kernel = nil
			l.failed++
		}
	}
	if cfg.Table != nil {
		l.scan = new(scan)
		l.scan.take(cfg.Table, &l.names, now)
	}
}

// collectLooks gives what the looks found.
func (m *Metrics) collectLooks(to chan<- prometheus.Metric) {
	l := &m.looks
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lookLocked(&m.cfg)
	if m.cfg.Kernel != nil {
		to <- kernelErrors.value(float64(l.failed))
	}
	if k := l.kernel; k != nil {
		to <- entries.value(float64(k.Entries))
		if k.Max > 0 {
			to <- maximum.value(float64(k.Max))
		}
		for word, n := range k.Counters {
			to <- kernelMoves.value(float64(n), word)
		}
	}
	if l.scan != nil {
		l.collectFlows(to)
		l.scan.collectPools(to)
		to <- scanTook.value(l.scan.took.Seconds())
	}
}

// collectFlows gives the flows by state. A series that has been there stays: a
// gap would read as not known.
func (l *looks) collectFlows(to chan<- prometheus.Metric) {
	for slot := range protoSlots {
		for state, n := range l.scan.flows[slot] {
			if n > 0 || l.seen[slot][state] || usual(slot, state) {
				l.seen[slot][state] = true
				to <- flows.value(float64(n), protocols[slot], states[slot][state])
			}
		}
	}
}

func (s *scan) collectPools(to chan<- prometheus.Metric) {
	for _, p := range s.pools {
		addr, proto := p.key.addr.String(), protocols[p.key.slot]
		to <- portsInUse.value(float64(p.ports.Len()), addr, proto)
		to <- portsThereAre.value(float64(p.room()), addr, proto)
		to <- snatFlows.value(float64(p.flows), addr, proto)
	}
	pools := uint64(len(s.pools))
	for slot, o := range s.other {
		pools += o.pools
		if o.flows > 0 {
			// Each flow as if it had a port of its own: not less than there are.
			to <- portsInUse.value(float64(o.flows), "other", protocols[slot])
			to <- snatFlows.value(float64(o.flows), "other", protocols[slot])
		}
	}
	to <- snatPools.value(float64(pools))
}
