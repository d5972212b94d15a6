package findings

import (
	"cmp"
	"slices"
	"sync"

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
