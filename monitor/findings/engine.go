package findings

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"natlens/monitor"
)

// Engine evaluates the rules. Observe, Tick and Finish belong to one goroutine, the
// others to any.
type Engine struct {
	cfg     Config
	scan    scan
	window  window
	silence map[ref]*sending
	found   []candidate // of the rule that is being evaluated
	active  [numRules][]active
	changed []monitor.Finding // what Tick returns

	mu       sync.Mutex
	snapshot []monitor.Finding
	version  uint64
	stats    Stats
}

// New returns an engine that has seen no event and no flow.
func New(cfg Config) *Engine {
	if cfg.Command == nil {
		cfg.Command = func(_ monitor.NetNS, args ...string) string { return "natlens " + monitor.ShellLine(args...) }
	}
	if cfg.Namespace == nil {
		cfg.Namespace = func(monitor.NetNS) (name, filter string) { return "", "" }
	}
	e := &Engine{cfg: cfg, silence: make(map[ref]*sending)}
	s, w := &e.scan, &e.window
	s.cfg, s.spaces, s.readings = &e.cfg, make(map[monitor.NetNS]*space), make(map[ref]*idleReading)
	s.published, s.crowded = make(map[key]struct{}), make(map[key]struct{})
	s.services.max, w.hosts.max = maxServices, maxHosts
	s.tallies = append(s.tallies, &s.hosts, &s.services, &s.hairpins, &s.senders, &s.publics, &s.pools, &s.blocks)
	for i := range s.handshakes {
		s.tallies = append(s.tallies, &s.handshakes[i])
	}
	w.seed, w.pairs = maphash.MakeSeed(), make(map[uint64]struct{})
	w.most = max(maxDestinations, uint64(cfg.Thresholds[manyDestinations]))
	return e
}

// candidate is a group of flows that a rule may report.
type candidate struct {
	level   float64 // what was counted, divided by the threshold
	finding monitor.Finding
}

// candidate adds a group of flows to those that the rule found, with the filter that
// selects its flows and the command of natlens that shows or deletes them. If there are
// several network namespaces, it names the one of the finding.
func (e *Engine) candidate(n monitor.NetNS, level float64, f monitor.Finding, command, filter string) {
	f.NetNS, f.Filter, f.Command = n, filter, e.cfg.Command(n, command, filter)
	if name, only := e.cfg.Namespace(n); name != "" {
		f.Subject, f.Text, f.Filter = f.Subject+" in "+name, name+": "+f.Text, only+" "+filter
	}
	e.found = append(e.found, candidate{level, f})
}

// active is a finding of a rule, identified by its subject.
//
//	level ≥ 1: appears          level ≥ ½: goes on
//	level < ½ twice in a row: is cleared
type active struct {
	absent  int // evaluations without it, up to now
	finding monitor.Finding
}

// Snapshot returns the active findings, the most severe first, of these the oldest.
func (e *Engine) Snapshot() []monitor.Finding {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.snapshot)
}

// Version returns a number that grows whenever Snapshot changes.
func (e *Engine) Version() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

// refs returns the examples that still exist.
func (e *Engine) refs(g *group) []monitor.FlowRef { return e.rows(g.examples[:g.n]) }

// rows returns the first of some flows that still exist.
func (e *Engine) rows(all []ref) (flows []monitor.FlowRef) {
	if e.cfg.Table == nil {
		return nil
	}
	for _, x := range all[:min(len(all), maxExamples)] {
		if r, _, ok := e.cfg.Table.Get(x.row, x.gen); ok {
			flows = append(flows, monitor.FlowRef{Row: x.row, Gen: x.gen, Orig: r.Flow.Orig})
		}
	}
	return flows
}

// text writes the value of a threshold that is a time.
func (e *Engine) text(t threshold) string {
	text := time.Duration(e.cfg.Thresholds[t] * float64(time.Second)).String()
	for _, zero := range [...]string{"m0s", "h0m"} { // of 1h0m0s
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// sending is a flow that may send packets and get none back.
type sending struct {
	orig, reply uint64       // packets when the last reply was seen
	since       monitor.Time // when that was
	scan        uint64       // the last scan that asked
}
