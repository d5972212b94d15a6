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

// Config says what there is to show. Whatever is left out has no metrics.
type Config struct {
	Version string

	Table    *table.Table // nil also where it holds no flows
	Stats    func() loop.Stats
	Capture  func() Capture
	Findings func() []Finding

	// Kernel reads what the kernel has of each namespace, as far as it can be read. It
	// is called at a scrape, one call at a time.
	Kernel func() ([]Kernel, error)

	// Namespaces has the names of the network namespaces of a run that watches
	// several. nil: there is one, and no label for it.
	Namespaces *monitor.Namespaces

	Clock func() time.Time // nil: time.Now
}

// Capture is how events come in, and its counters.
type Capture struct {
	Way                                          string
	Capacity                                     int // bytes
	Wakeups, Malformed, Forged, Unknown, LeftOut uint64
}

// Kernel is what the kernel says of the table of one network namespace.
type Kernel struct {
	NetNS    monitor.NetNS
	Entries  uint64
	Max      uint64            // 0: not known
	Counters map[string]uint64 // by conntrack(8)'s words; they never go back
}

// Finding is a rule and how many findings of it hold in one network namespace. Rules
// without any are there too, with 0.
type Finding struct {
	NetNS  monitor.NetNS
	Rule   string
	Active int
}

// Metrics counts events and answers Prometheus. It is a sink, best a tap of
// [monitor.Monitor], and an http.Handler's maker; its methods may be called from
// several goroutines.
type Metrics struct {
	cfg Config

	mu     sync.Mutex // guards what follows
	counts map[monitor.NetNS]*counts
	last   *counts // of lastOf, whose event came last
	lastOf monitor.NetNS

	readings readings
}

// New returns metrics that have counted nothing.
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

// Limits of what scrapes may cost.
const (
	scrapesAtOnce = 4
	scrapeTime    = 20 * time.Second
)

// Handler serves /metrics, with the metrics of the process and of the Go runtime too, and
// a page on / that links there.
func (m *Metrics) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(m, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry,
		promhttp.HandlerOpts{MaxRequestsInFlight: scrapesAtOnce, Timeout: scrapeTime}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(page)) // the client may have gone
	})
	return mux
}

const page = `<!doctype html>
<title>natlens</title>
<p>natlens watches connection tracking here. Its metrics for Prometheus are at <a href="/metrics">/metrics</a>.
`

// Describe names all metrics, for prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, f := range families {
		d, _ := m.scope("").with(f, nil)
		if !f.PerNetNS {
			d = f.desc
		}
		to <- d
	}
}

// Collect gives all values, for prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	to <- build.value(1, m.cfg.Version, runtime.Version())
	named := labelsOf(m.cfg.Namespaces)
	m.collectEvents(to, named)
	if m.cfg.Stats != nil {
		s := m.cfg.Stats()
		to <- lost.value(float64(s.Lost))
		to <- gaps.value(float64(s.Gaps))
		to <- resyncs.value(float64(s.Resyncs))
	}
	if m.cfg.Capture != nil {
		m.cfg.Capture().collect(to)
	}
	if m.cfg.Capture != nil && m.cfg.Table != nil {
		to <- refused.value(float64(m.cfg.Table.Refused()))
	}
	m.collectReadings(to, named)
	if m.cfg.Findings != nil {
		for _, f := range m.cfg.Findings() {
			if label, ok := named[f.NetNS]; ok {
				to <- m.scope(label).value(findings, float64(f.Active), f.Rule)
			}
		}
	}
}

func (c Capture) collect(to chan<- prometheus.Metric) {
	to <- capture.value(1, c.Way)
	to <- queue.value(float64(c.Capacity))
	to <- wakeups.value(float64(c.Wakeups))
	to <- malformed.value(float64(c.Malformed))
	to <- forged.value(float64(c.Forged))
	to <- unknown.value(float64(c.Unknown))
	to <- leftOut.value(float64(c.LeftOut))
}

// collectEvents gives what was counted by the event. The counts of a namespace that
// is gone are given once more, if no other has taken its name, and then dropped.
func (m *Metrics) collectEvents(to chan<- prometheus.Metric, named labels) {
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
		c.collect(to, m.scope(label))
	}
}

func (c *counts) collect(to chan<- prometheus.Metric, s scope) {
	for kind := range eventKinds {
		name := (firstKind + monitor.Kind(kind)).String()
		to <- s.value(inferred, float64(c.inferred[kind]), name)
		for slot := range protoSlots {
			for state, n := range c.events[kind][slot] {
				if n > 0 || usual(slot, state) {
					to <- s.value(events, float64(n), name, protocols[slot], states[slot][state])
				}
			}
		}
	}
	for slot, name := range protocols {
		if h := &c.handshake[slot]; h.n > 0 || name == "tcp" {
			to <- s.histogram(handshakes, h, &handshakeBounds, name)
		}
		if h := &c.lifetime[slot]; h.n > 0 || name == "tcp" || name == "udp" {
			to <- s.histogram(lifetimes, h, &lifetimeBounds, name)
		}
	}
}
