package findings

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// Config says what the engine may look at. What is nil, it does without.
type Config struct {
	Table  *table.Table // nil: only what the stream tells
	Limits Limits

	// Namespace returns the name of a network namespace, and the filter that
	// selects its flows; "" for the only one of a run. nil: there is one only.
	Namespace func(monitor.NetNS) (name, filter string)

	// Counters returns the kernel's counters of each network namespace. It is
	// asked once a second at most. nil: no dns-race and no dns-clash.
	Counters func() (map[monitor.NetNS]Counters, error)

	// EstablishedTimeout is nf_conntrack_tcp_timeout_established of a network
	// namespace: how long ago the last packet was is what is missing from it. 0 or
	// nil: no idle.
	EstablishedTimeout func(monitor.NetNS) time.Duration

	// Packets asks the kernel how many packets a flow had either way; ok is false
	// where it does not count, or has no such flow. It is asked for a few flows
	// once a look. nil: no dnat-stale of flows that were answered once.
	Packets func(f *monitor.Flow) (orig, reply uint64, ok bool)

	// Refresh asks for timeouts as they stand now, as [monitor.Monitor.Refresh]
	// does: events don't tell of packets.
	Refresh func()

	// Command writes a command line of natlens as it has to be typed for a network
	// namespace. nil: as it is.
	Command func(n monitor.NetNS, args ...string) string
}

// Counters are those counters of the kernel that rules are about, since boot.
type Counters struct{ InsertFailed, ClashResolve uint64 }

// Engine looks for findings. Observe and Tick belong to one goroutine, the
// others to any.
type Engine struct {
	cfg      Config
	look     look
	rates    rates
	judges   [numRules]judge
	watching map[ref]*watched
	told     []monitor.Finding // what Tick returns

	mu       sync.Mutex
	standing []monitor.Finding
	version  uint64
	stats    Stats
}

// Stats say what the engine did.
type Stats struct {
	Looks uint64        // looks at the whole table
	Rows  uint64        // rows of the last one
	Took  time.Duration // what the last one cost, over all its ticks
}

// New returns an engine that has seen nothing.
func New(cfg Config) *Engine {
	if cfg.Command == nil {
		cfg.Command = plainCommand
	}
	if cfg.Namespace == nil {
		cfg.Namespace = func(monitor.NetNS) (name, filter string) { return "", "" }
	}
	e := &Engine{cfg: cfg, watching: make(map[ref]*watched)}
	e.look.init()
	e.rates.init(&e.cfg.Limits)
	return e
}

// Observe counts what the table does not tell: rates. It does not allocate.
func (e *Engine) Observe(b *monitor.Batch) { e.rates.observe(b.Events) }

// Tick takes the look at the table a step further, and returns what has appeared
// or is gone.
func (e *Engine) Tick(now monitor.Time) []monitor.Finding {
	e.told = e.told[:0]
	judged := e.check(now)
	if e.cfg.Table != nil && !e.passes() && e.step(now) {
		e.judgeLook(now)
		judged = true
	}
	if judged {
		e.publish()
	}
	return e.told
}

// Finish ends the window and takes a whole look at once, for a run that ends here.
// It returns what Tick would.
func (e *Engine) Finish(now monitor.Time) []monitor.Finding {
	e.told = e.told[:0]
	if e.rates.began != 0 {
		e.closeWindow(now)
	}
	if e.cfg.Table != nil {
		for e.look.running && !e.step(now) {
		}
		for e.look.began = now - monitor.Time(lookEvery); !e.step(now); {
		}
		e.judgeLook(now)
	}
	e.publish()
	return e.told
}

// Snapshot returns the findings that stand, the gravest first, of these the
// oldest.
func (e *Engine) Snapshot() []monitor.Finding {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.standing)
}

// Version returns a number that grows whenever Snapshot would return something
// else.
func (e *Engine) Version() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// Stats returns the counters as they stand.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

// publish makes what the judges hold what Snapshot returns.
func (e *Engine) publish() {
	var all []monitor.Finding
	for i := range e.judges {
		for _, s := range e.judges[i].standing {
			all = append(all, s.finding)
		}
	}
	slices.SortStableFunc(all, func(a, b monitor.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Since, b.Since), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Subject, b.Subject))
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.standing = all
	e.version++
}
