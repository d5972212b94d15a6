package metrics

import (
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"natlens/monitor"
)

// family is a metric that natlens exports. docs/metrics.md lists them.
type family struct {
	name, kind, help string // kind: counter, gauge, histogram
	labels           []string
	perNetNS         bool // each network namespace has its own; the label netns follows if there are several
}

// families are natlens's own metrics, in the order of the docs.
var families []*family

// global registers a metric of the whole run.
func global(kind, name, help string, labels ...string) *family {
	f := &family{name: name, kind: kind, help: help, labels: labels}
	families = append(families, f)
	return f
}

// perNetNS registers a metric of each network namespace.
func perNetNS(kind, name, help string, labels ...string) *family {
	f := global(kind, name, help, labels...)
	f.perNetNS = true
	return f
}

// labels has the value of the label netns for each existing network namespace. A run of
// one namespace has only namespace 0, and no label.
type labels map[monitor.NetNS]string

// labelsOf names each namespace once. If two have the same name, the second is followed
// by its inode.
func labelsOf(names *monitor.Namespaces) labels {
	if names == nil {
		return labels{0: ""}
	}
	all, used := labels{}, map[string]bool{}
	names.All(func(id monitor.NetNS, n monitor.Namespace) {
		label := monitor.Escape(n.Name)
		if used[label] {
			label = fmt.Sprintf("%s:%d", label, n.Inode)
		}
		used[label] = true
		all[id] = label
	})
	return all
}

// output writes the values of one scrape.
type output struct {
	to      chan<- prometheus.Metric
	several bool   // families per namespace have the label netns
	netns   string // its value
}

// of returns the output for the values of a network namespace, false if that is gone.
func (o output) of(named labels, id monitor.NetNS) (_ output, ok bool) {
	o.netns, ok = named[id]
	return o, ok
}

// desc returns the description of a metric, and the values of its labels.
func (o output) desc(f *family, values []string) (*prometheus.Desc, []string) {
	names := f.labels
	if o.several && f.perNetNS {
		names, values = append(slices.Clone(names), "netns"), append(values, o.netns)
	}
	return prometheus.NewDesc(f.name, f.help, names, nil), values
}

func (o output) value(f *family, n float64, labels ...string) {
	kind := prometheus.GaugeValue
	if f.kind == "counter" {
		kind = prometheus.CounterValue
	}
	d, labels := o.desc(f, labels)
	o.to <- prometheus.MustNewConstMetric(d, kind, n, labels...)
}

// histogram writes a histogram. Prometheus counts in each bucket also what is shorter.
func (o output) histogram(f *family, h *histogram, at *bounds, labels ...string) {
	all, sum := make(map[float64]uint64, len(at)), uint64(0)
	for i, n := range h.buckets {
		sum += n
		all[at[i].Seconds()] = sum
	}
	d, labels := o.desc(f, labels)
	o.to <- prometheus.MustNewConstHistogram(d, h.n, h.sum, all, labels...)
}
