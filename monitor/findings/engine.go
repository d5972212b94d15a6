package findings

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// Config says what the engine can read and ask. Rules that need what is nil find
// nothing.
type Config struct {
	Table      *table.Table // nil: rules about rates only
	Thresholds Thresholds

	// Namespace returns the name of a network namespace, and the filter that
	// selects its flows; "" for the only one of a run. nil: there is one only.
	Namespace func(monitor.NetNS) (name, filter string)

	// Counters returns the kernel's counters of each network namespace. It is
	// asked once a second at most. nil: no dns-race and no dns-clash.
	Counters func() (map[monitor.NetNS]Counters, error)

	// TCPTimeouts returns the settings of a network namespace; 0 for those that can't be
	// read. nil: no idle.
	TCPTimeouts func(monitor.NetNS) monitor.TCPTimeouts

	// Packets asks the kernel how many packets a flow has sent in each direction; ok
	// is false if the kernel does not count, or has no such flow. It is asked for at
	// most maxWatched flows per scan. nil: no findings about flows that were answered
	// once.
	Packets func(f *monitor.Flow) (orig, reply uint64, ok bool)

	// Refresh asks for a dump of the kernel's table, which updates timeouts and
	// counters: events don't report packets. nil: no idle.
	Refresh func()

	// Command writes a command line of natlens as it has to be typed for a network
	// namespace. nil: as it is.
	Command func(n monitor.NetNS, args ...string) string
}

// Counters are the kernel's counters that rules use, since boot.
type Counters struct{ InsertFailed, ClashResolve uint64 }

// Engine evaluates the rules. Observe, Tick and Finish belong to one goroutine, the
// others to any.
type Engine struct {
	cfg     Config
	scan    scan
	window  window
	silence map[ref]*sending
	active  [numRules][]active
	changed []monitor.Finding // what Tick returns

	mu       sync.Mutex
	snapshot []monitor.Finding
	version  uint64
	stats    Stats
}

// Stats says what the engine did.
type Stats struct {
	Scans uint64        // of the whole table
	Rows  uint64        // of the last scan
	Took  time.Duration // by the last scan, over all its ticks

	// Uncounted is how many flows the last scan and the last window left out because
	// they belong to more groups than are counted.
	Uncounted uint64
}

// New returns an engine that has seen no event and no flow.
func New(cfg Config) *Engine {
	if cfg.Command == nil {
		cfg.Command = plainCommand
	}
	if cfg.Namespace == nil {
		cfg.Namespace = func(monitor.NetNS) (name, filter string) { return "", "" }
	}
	e := &Engine{cfg: cfg, silence: make(map[ref]*sending)}
	e.scan.init(&e.cfg)
	e.window.init(&e.cfg.Thresholds)
	return e
}

// Observe counts new flows. It keeps nothing of the batch.
func (e *Engine) Observe(b *monitor.Batch) { e.window.observe(b.Events) }

// Tick scans the next piece of the table, and returns the findings that have appeared
// or are cleared since the last call.
func (e *Engine) Tick(now monitor.Time) []monitor.Finding {
	e.changed = e.changed[:0]
	evaluated := e.tickWindow(now)
	if e.cfg.Table != nil && e.scan.step(now) {
		e.conclude(now)
		evaluated = true
	}
	if evaluated {
		e.publish()
	}
	return e.changed
}

// Finish ends the window and scans the whole table, for a run that ends here. It
// returns what Tick would.
func (e *Engine) Finish(now monitor.Time) []monitor.Finding {
	e.changed = e.changed[:0]
	if e.window.began != 0 {
		e.closeWindow(now)
	}
	if e.cfg.Table != nil {
		for e.scan.running && !e.scan.step(now) {
		}
		// A scan uses the results of its predecessor.
		for range 2 {
			for e.scan.began = now - monitor.Time(scanEvery); !e.scan.step(now); {
			}
		}
		e.conclude(now)
	}
	e.publish()
	return e.changed
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

// conclude evaluates the rules about the table at the end of a scan.
func (e *Engine) conclude(now monitor.Time) {
	s := &e.scan
	for i := range handshakes {
		e.update(handshakes[i].rule, e.handshakes(&handshakes[i], &s.handshakes[i]), now)
	}
	e.update(ruleSynHost, e.unansweredHosts(), now)
	stale, missed := e.stale(now)
	e.update(ruleDNATStale, stale, now)
	e.update(ruleDNATMissed, missed, now)
	e.update(ruleHairpin, e.hairpins(), now)
	e.update(ruleSNATPorts, e.exhausted(), now)
	e.update(ruleSNATClash, e.clashes(), now)
	e.update(ruleSNATGone, e.gone(now), now)
	e.update(ruleIdle, e.idle(now), now)
	e.forgetSilence()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats.Scans++
	e.stats.Rows, e.stats.Took = s.rows, s.took
	e.stats.Uncounted = s.beyond() + e.window.missed
}

// publish makes the active findings what Snapshot returns.
func (e *Engine) publish() {
	var all []monitor.Finding
	for _, of := range e.active {
		for i := range of {
			all = append(all, of[i].finding)
		}
	}
	slices.SortStableFunc(all, func(a, b monitor.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Since, b.Since), cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Subject, b.Subject))
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.snapshot = all
	e.version++
}
