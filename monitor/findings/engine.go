package findings

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
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

// conclude evaluates the rules about the table at the end of a scan.
func (e *Engine) conclude(now monitor.Time) {
	e.evaluate(0, firstRate, true, now)
	e.evaluate(firstRate+numRates, numRules, true, now)
	e.scan.forgetReadings()
	e.forgetSilence()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats.Scans++
	e.stats.Rows, e.stats.Took = e.scan.rows, e.scan.took
	e.stats.Uncounted = e.scan.beyond() + e.window.missed
}

// evaluate evaluates the rules of a range. Unless it is the end of a scan or window,
// findings only appear, and none is cleared.
func (e *Engine) evaluate(from, to ruleID, end bool, now monitor.Time) {
	for id := from; id < to; id++ {
		r := &rules[id]
		e.found = e.found[:0]
		r.find(e, e.cfg.Thresholds[r.thresholds[0]], now)
		e.update(id, end, now)
	}
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

// absences is how many evaluations in a row must be below half of the threshold to clear a
// finding.
const absences = 2

// How many findings of one rule are active at once, those with the highest level first.
const (
	maxActive    = 16 // in one network namespace
	maxActiveAll = 1024
)

// update compares what a rule found with its active findings.
func (e *Engine) update(rule ruleID, end bool, now monitor.Time) {
	all, r := e.active[rule], &rules[rule]
	if end {
		for i := range all {
			all[i].absent++
		}
		slices.SortFunc(e.found, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(a.finding.Subject, b.finding.Subject))
		})
	}
	for _, c := range e.found {
		f := c.finding
		f.Rule, f.Severity, f.Why, f.Since, f.Seen = r.ID, r.Severity, r.Why, now, now
		at, inNetNS := -1, 0
		for i := range all {
			if all[i].finding.NetNS == f.NetNS {
				inNetNS++
			}
			if all[i].finding.Subject == f.Subject {
				at = i
			}
		}
		switch {
		case at >= 0 && (c.level >= 1 || end && c.level >= 0.5):
			f.Since = all[at].finding.Since
			all[at] = active{finding: f}
		case at < 0 && c.level >= 1 && inNetNS < maxActive && len(all) < maxActiveAll:
			all = append(all, active{finding: f})
			e.changed = append(e.changed, f)
		}
	}
	e.active[rule] = slices.DeleteFunc(all, func(a active) bool {
		if a.absent < absences {
			return false
		}
		a.finding.Cleared = now
		e.changed = append(e.changed, a.finding)
		return true
	})
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

// Stats says what the engine did.
type Stats struct {
	Scans uint64        // of the whole table
	Rows  uint64        // of the last scan
	Took  time.Duration // by the last scan, over all its ticks

	// Uncounted is how many flows the last scan and the last window left out because
	// they belong to more groups than are counted.
	Uncounted uint64
}
