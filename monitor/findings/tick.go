package findings

import "natlens/monitor"

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
