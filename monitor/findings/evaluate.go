package findings

import (
	"cmp"
	"slices"
	"time"

	"natlens/monitor"
)

// Observe counts new flows. It does not retain the batch.
func (e *Engine) Observe(b *monitor.Batch) { e.window.observe(b.Events) }

// Tick scans the next piece of the table, and returns the findings that appeared or were
// cleared since the last call.
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

// Finish ends the window and scans the whole table, at the end of a run. It returns the same as
// Tick.
func (e *Engine) Finish(now monitor.Time) []monitor.Finding {
	e.changed = e.changed[:0]
	if e.window.began != 0 {
		e.rates(true, now)
	}
	if e.cfg.Table != nil {
		for e.scan.running && !e.scan.step(now) {
		}
		// A scan uses the results of the previous one.
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
	e.evaluate(false, true, now)
	e.scan.forgetReadings()
	e.forgetSilence()
}

// evaluate evaluates the rules about the table, or those about a window. Findings are cleared
// only at the end of a scan or window.
func (e *Engine) evaluate(window, end bool, now monitor.Time) {
	for i := range rules {
		if r := &rules[i]; r.window == window {
			e.rule, e.limit, e.now, e.found = r, e.cfg.Thresholds[r.thresholds[0]], now, e.found[:0]
			r.find(e)
			e.active[i] = e.update(e.active[i], end)
		}
	}
}

// absences is how many consecutive evaluations below half of the threshold clear a finding.
const absences = 2

// The maximum number of active findings of one rule; those with the highest level are kept.
const (
	maxActive    = 16 // in one network namespace
	maxActiveAll = 1024
)

// update compares what the rule found with its active findings, and returns those that are active now.
func (e *Engine) update(all []active, end bool) []active {
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
	return slices.DeleteFunc(all, func(a active) bool {
		if a.absent < absences {
			return false
		}
		a.finding.Cleared = e.now
		e.changed = append(e.changed, a.finding)
		return true
	})
}

// checkEvery is how often a window is evaluated before it ends.
const checkEvery = time.Second

// tickWindow evaluates the window, and begins the next one when it is over. It returns
// whether it did.
func (e *Engine) tickWindow(now monitor.Time) bool {
	w := &e.window
	switch {
	case w.began == 0: // the first window has what was observed before the first tick
		w.began, w.checked, w.counters = now, now, e.cfg.Counters()
		return false
	case now < w.began: // the clock was set back
		e.openWindow(now)
		return false
	}
	full := e.cfg.Thresholds.reached(windowTime, now-w.began)
	if !full && now < w.checked+monitor.Time(checkEvery) {
		return false
	}
	w.checked = now
	e.rates(full, now)
	if full {
		e.openWindow(now)
	}
	return true
}

// rates evaluates the rules about rates.
func (e *Engine) rates(end bool, now monitor.Time) {
	w := &e.window
	w.asked, w.moved = e.resolvers(), nil
	if len(w.asked) > 0 && w.counters != nil {
		w.moved = e.cfg.Counters()
	}
	e.evaluate(true, end, now)
}

func (e *Engine) openWindow(now monitor.Time) {
	w := &e.window
	w.began, w.checked = now, now
	w.hosts.reset()
	w.resolvers.reset()
	clear(w.pairs)
	w.counters = e.cfg.Counters()
}
