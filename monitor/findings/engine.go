// Package findings finds problems in the traffic of a gateway: its rules check the live table
// and the stream of events, and each finding names the affected flows.
//
//	e := findings.New(findings.Config{Table: table, Thresholds: findings.DefaultThresholds()})
//	m := loop.Loop{Source: source, Table: table, Rules: e, …}
//	…
//	for _, f := range e.Snapshot() {
//		fmt.Println(f.Severity, f.Rule, f.Subject, f.Text, f.Filter)
//	}
//
// Each tick scans a piece of the table and counts its flows in groups. Rates, which the table
// does not contain, are counted in windows of the stream:
//
//	Observe ─▶ window (hosts, resolvers) ─┐
//	Tick ────▶ scan (groups of flows) ────┴▶ candidates ─▶ appeared, cleared
//
// Counts are exact. The number of groups is limited: flows of further groups are not counted.
//
// docs/findings.md lists the rules, their thresholds and the reasons.
package findings

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"natlens/monitor"
)

// Engine evaluates the rules. One goroutine calls Observe, Tick and Finish; any may call the
// other methods.
type Engine struct {
	cfg     Config
	scan    scan
	window  window
	silence map[ref]*sending
	active  [][]active        // by rule
	changed []monitor.Finding // what Tick returns

	// Used while a rule is evaluated:
	rule  *Rule
	limit float64 // its first threshold
	now   monitor.Time
	found []candidate

	snapshot atomic.Pointer[[]monitor.Finding]
}

// New returns an engine without events and flows.
func New(cfg Config) *Engine {
	if cfg.Command == nil {
		cfg.Command = func(_ monitor.NetNS, args ...string) string { return "natlens " + monitor.ShellLine(args...) }
	}
	if cfg.Counters == nil {
		cfg.Counters = func() map[monitor.NetNS]map[string]uint64 { return nil }
	}
	if cfg.Namespace == nil {
		cfg.Namespace = func(monitor.NetNS) (name, filter string) { return "", "" }
	}
	e := &Engine{cfg: cfg, silence: make(map[ref]*sending), active: make([][]active, len(rules))}
	e.publish()
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

// add reports a group of flows to the rule that is being evaluated. filter selects them. If
// there are several network namespaces, the finding names its own.
func (e *Engine) add(n monitor.NetNS, level float64, flows uint64, examples []ref, subject, text, filter string,
	more ...monitor.Figure) {
	r := e.rule
	f := monitor.Finding{Rule: r.ID, Severity: r.Severity, Why: r.Why, Since: e.now, Seen: e.now, NetNS: n,
		Subject: subject, Text: text, Filter: filter, Command: e.cfg.Command(n, r.command, filter),
		Examples: e.rows(examples)}
	f.Figures = append([]monitor.Figure{{Name: "flows", Value: float64(flows)}, {Name: "limit", Value: e.limit}},
		more...)
	if !r.window { // that flow is in the table
		f.Flows = flows
	}
	if name, only := e.cfg.Namespace(n); name != "" {
		f.Subject, f.Text, f.Filter = subject+" in "+name, name+": "+text, only+" "+filter
	}
	e.found = append(e.found, candidate{level, f})
}

// active is an active finding, identified by its subject.
//
//	level ≥ 1: appears          level ≥ ½: stays active
//	level < ½ twice in a row: is cleared
type active struct {
	absent  int // consecutive evaluations below ½
	finding monitor.Finding
}

// Snapshot returns the active findings, the most severe first, and the oldest first among
// equals.
func (e *Engine) Snapshot() []monitor.Finding {
	return slices.Clone(*e.snapshot.Load())
}

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

// text writes the value of a threshold that is a duration.
func (e *Engine) text(t threshold) string {
	text := time.Duration(e.cfg.Thresholds[t] * float64(time.Second)).String()
	for _, zero := range [...]string{"m0s", "h0m"} { // of 1h0m0s
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// publish sets what Snapshot returns.
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
	e.snapshot.Store(&all)
}

// Rule is one kind of finding.
type Rule struct {
	ID         string // its meaning never changes
	Severity   monitor.Severity
	Means      string
	Why        string      // the usual cause, and what to do
	thresholds []threshold // the first is the level of the finding
	window     bool        // a rule about rates: evaluated at the end of a window, not of a scan
	command    string      // natlens command that shows or deletes the flows

	find func(*Engine) // calls Engine.add for each group of flows
}
