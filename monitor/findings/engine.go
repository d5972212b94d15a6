package findings

import (
	"cmp"
	"slices"

	"natlens/monitor"
)

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
