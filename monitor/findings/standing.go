package findings

import (
	"cmp"
	"slices"

	"natlens/monitor"
)

// How many findings of one rule are active at once, those with the highest level first.
const (
	maxActive    = 16 // in one network namespace
	maxActiveAll = 1024
)

// absences is how many evaluations in a row must be below half of the threshold to clear a
// finding.
const absences = 2

// update compares the candidates of a rule with its active findings.
func (e *Engine) update(rule ruleID, found []candidate, now monitor.Time) {
	all := e.active[rule]
	for i := range all {
		all[i].present = false
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(a.finding.Subject, b.finding.Subject))
	})
	for i := range found {
		e.confirm(rule, &found[i], now)
	}
	e.active[rule] = slices.DeleteFunc(e.active[rule], func(s active) bool {
		if s.absent+1 < absences || s.present {
			return false
		}
		s.finding.Cleared = now
		e.changed = append(e.changed, s.finding)
		return true
	})
	for i := range e.active[rule] {
		if s := &e.active[rule][i]; !s.present {
			s.absent++
		}
	}
}

// confirm keeps the finding of a candidate active, or lets it appear.
func (e *Engine) confirm(rule ruleID, c *candidate, now monitor.Time) {
	r, f := &rules[rule], &c.finding
	f.Rule, f.Severity, f.Why, f.Since, f.Seen = r.ID, r.Severity, r.Why, now, now
	at := slices.IndexFunc(e.active[rule], func(s active) bool { return s.finding.Subject == f.Subject })
	switch {
	case at >= 0 && c.level >= 0.5:
		s := &e.active[rule][at]
		f.Since = s.finding.Since
		*s = active{present: true, finding: *f}
	case at < 0 && c.level >= 1 && e.mayBeActive(rule, f.NetNS):
		e.active[rule] = append(e.active[rule], active{present: true, finding: *f})
		e.changed = append(e.changed, *f)
	}
}

// mayBeActive reports whether one more finding of a rule may be active in a namespace.
func (e *Engine) mayBeActive(rule ruleID, id monitor.NetNS) bool {
	n := 0
	for i := range e.active[rule] {
		if e.active[rule][i].finding.NetNS == id {
			n++
		}
	}
	return n < maxActive && len(e.active[rule]) < maxActiveAll
}

// confirmReached is update for an evaluation before the window ends: findings whose
// threshold is reached appear, and none is cleared.
func (e *Engine) confirmReached(rule ruleID, found []candidate, now monitor.Time) {
	for i := range found {
		if found[i].level >= 1 {
			e.confirm(rule, &found[i], now)
		}
	}
}
