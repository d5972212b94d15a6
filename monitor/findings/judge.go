package findings

import (
	"cmp"
	"slices"

	"natlens/monitor"
)

// candidate is a group of flows that a rule thinks worth telling.
type candidate struct {
	key     key
	level   float64 // what was counted, over the limit
	finding monitor.Finding
}

// maxStanding is how many findings of one rule stand at once: the gravest ones.
const maxStanding = 16

// absences is in how many judgements running a finding has to be below half its
// limit to be gone.
const absences = 2

// judge remembers what stands of one rule.
//
//	level ≥ 1: appears          level ≥ ½: goes on
//	level < ½ twice running: is gone
type judge struct {
	standing []standing
}

type standing struct {
	key     key
	absent  int
	present bool // in this judgement
	finding monitor.Finding
}

// judge compares the candidates of a rule with what stands.
func (e *Engine) judge(rule ruleID, found []candidate, now monitor.Time) {
	j := &e.judges[rule]
	for i := range j.standing {
		j.standing[i].present = false
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(b.level, a.level) })
	for i := range found {
		e.confirm(rule, j, &found[i], now)
	}
	for i := range j.standing {
		if s := &j.standing[i]; !s.present {
			s.absent++
			if s.absent == absences {
				s.finding.Cleared = now
				e.told = append(e.told, s.finding)
			}
		}
	}
	j.standing = slices.DeleteFunc(j.standing, func(s standing) bool { return s.absent == absences })
}

// confirm has a candidate go on, or appear.
func (e *Engine) confirm(rule ruleID, j *judge, c *candidate, now monitor.Time) {
	r := &rules[rule]
	f := &c.finding
	f.Rule, f.Severity, f.Why, f.Since, f.Seen = r.ID, r.Severity, r.Why, now, now
	at := slices.IndexFunc(j.standing, func(s standing) bool { return s.key == c.key })
	switch {
	case at >= 0 && c.level >= 0.5:
		s := &j.standing[at]
		f.Since = s.finding.Since
		s.finding, s.absent, s.present = *f, 0, true
	case at < 0 && c.level >= 1 && len(j.standing) < maxStanding:
		j.standing = append(j.standing, standing{key: c.key, present: true, finding: *f})
		e.told = append(e.told, *f)
	}
}
