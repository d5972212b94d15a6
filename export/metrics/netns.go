package metrics

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"natlens/monitor"
)

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
	several bool   // PerNetNS families have the label netns
	netns   string // its value
}

// in returns the output for the values of a network namespace.
func (o output) in(netns string) output {
	o.netns = netns
	return o
}

func (o output) value(f *Family, n float64, labels ...string) {
	kind := prometheus.GaugeValue
	if f.Type == "counter" {
		kind = prometheus.CounterValue
	}
	d, labels := f.with(o, labels)
	o.to <- prometheus.MustNewConstMetric(d, kind, n, labels...)
}

// histogram writes a histogram. Prometheus counts in each bucket also what is shorter.
func (o output) histogram(f *Family, h *histogram, at *bounds, labels ...string) {
	all, sum := make(map[float64]uint64, len(at)), uint64(0)
	for i, n := range h.buckets {
		sum += n
		all[at[i].Seconds()] = sum
	}
	d, labels := f.with(o, labels)
	o.to <- prometheus.MustNewConstHistogram(d, h.n, h.sum, all, labels...)
}
