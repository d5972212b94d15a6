//go:build !nometrics

package metrics

import (
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"natlens/monitor"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// Config is the source of each metric. A metric with a nil source does not exist.
type Config struct {
	Version string

	Table    *table.Table // also nil if the table stores no flows
	Stats    func() loop.Stats
	Capture  func() Capture
	Kernel   func() ([]Kernel, error) // the namespaces that could be read; one call at a time, for a scrape
	Findings func() []Finding

	// Namespaces are the network namespaces of a run that watches several. nil: the run
	// watches one, and there is no label netns.
	Namespaces *monitor.Namespaces

	Clock func() time.Time // nil: time.Now
}

// Capture is the way of the capture and its counters.
type Capture struct {
	Way                                 string
	Capacity                            int // bytes
	Wakeups, Malformed, Forged, Unknown uint64
}

// Kernel are the kernel's numbers of the table of one network namespace.
type Kernel struct {
	NetNS    monitor.NetNS
	Entries  uint64
	Max      uint64            // 0: unknown
	Counters map[string]uint64 // by conntrack(8)'s names; they never decrease
}

// Finding is a rule with the number of its active findings in one network namespace, which may
// be 0.
type Finding struct {
	NetNS  monitor.NetNS
	Rule   string
	Active int
}

// Metrics counts events and answers Prometheus. It is a sink, for a tap of the loop. Its
// methods may be called from several goroutines.
type Metrics struct {
	cfg Config

	mu     sync.Mutex // guards the fields below
	counts map[monitor.NetNS]*counts
	last   *counts // of lastOf, the namespace of the last event
	lastOf monitor.NetNS

	snapshots snapshots
}

// New returns metrics with all counts 0.
func New(cfg Config) *Metrics {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	m := &Metrics{cfg: cfg, counts: map[monitor.NetNS]*counts{}}
	if cfg.Namespaces == nil {
		m.count(0)
	}
	return m
}

// Handler answers /metrics, with the metrics of the process and of the Go runtime, and a
// page on / that links to it.
func (m *Metrics) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	process := collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})
	registry.MustRegister(m, collectors.NewGoCollector(), process)
	mux := http.NewServeMux()
	limits := promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 20 * time.Second}
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, limits))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(page)) // the client may have closed
	})
	return mux
}

const page = `<!doctype html>
<title>natlens</title>
<p>natlens watches connection tracking here. Its metrics for Prometheus are at <a href="/metrics">/metrics</a>.
`

// Describe sends nothing: the metrics depend on the run. It is for prometheus.Collector.
func (m *Metrics) Describe(chan<- *prometheus.Desc) {}

// Collect sends all values, for prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	o := output{to: to, several: m.cfg.Namespaces != nil}
	o.value(build, 1, m.cfg.Version, runtime.Version())
	named := labelsOf(m.cfg.Namespaces)
	m.collectEvents(o, named)
	if m.cfg.Stats != nil {
		s := m.cfg.Stats()
		o.value(lost, float64(s.Lost))
		o.value(gaps, float64(s.Gaps))
		o.value(resyncs, float64(s.Resyncs))
	}
	if m.cfg.Capture != nil {
		c := m.cfg.Capture()
		o.value(capture, 1, c.Way)
		o.value(queue, float64(c.Capacity))
		o.value(wakeups, float64(c.Wakeups))
		o.value(malformed, float64(c.Malformed))
		o.value(forged, float64(c.Forged))
		o.value(unknown, float64(c.Unknown))
	}
	if m.cfg.Capture != nil && m.cfg.Table != nil {
		o.value(refused, float64(m.cfg.Table.Refused()))
	}
	m.collectSnapshots(o, named)
	if m.cfg.Findings != nil {
		for _, f := range m.cfg.Findings() {
			if o, ok := o.of(named, f.NetNS); ok {
				o.value(findings, float64(f.Active), f.Rule)
			}
		}
	}
}

// collectEvents sends the counts of events. The counts of a namespace that ended are
// sent once more, unless another one has its name, and then dropped.
func (m *Metrics) collectEvents(o output, named labels) {
	used := map[string]bool{}
	for _, label := range named {
		used[label] = true
	}
	m.mu.Lock()
	all := map[string]counts{}
	for id, c := range m.counts {
		label, ok := named[id]
		if !ok {
			label = monitor.Escape(m.cfg.Namespaces.Name(id))
			delete(m.counts, id)
			m.last = nil
			if used[label] || label == "" {
				continue
			}
		}
		used[label] = true
		all[label] = *c
	}
	m.mu.Unlock()
	for label, c := range all {
		o.netns = label
		c.collect(o)
	}
}

func (c *counts) collect(o output) {
	for kind := range eventKinds {
		name := (firstKind + monitor.Kind(kind)).String()
		o.value(inferred, float64(c.inferred[kind]), name)
		for slot := range protoSlots {
			for state, n := range c.events[kind][slot] {
				if n > 0 || usual(slot, state) {
					o.value(events, float64(n), name, protocols[slot], states[slot][state])
				}
			}
		}
	}
	for kind := range natKinds {
		for way, name := range [...]string{"original", "reply"} {
			if c.counted != nil {
				o.value(bytesTotal, float64(c.bytes[kind][way]), name, kind.String())
			}
		}
	}
	for slot, name := range protocols {
		if h := &c.handshake[slot]; h.n > 0 || name == "tcp" {
			o.histogram(handshakes, h, &handshakeBounds, name)
		}
		if h := &c.lifetime[slot]; h.n > 0 || name == "tcp" || name == "udp" {
			o.histogram(lifetimes, h, &lifetimeBounds, name)
		}
	}
}
