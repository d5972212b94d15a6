package metrics

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"natlens/monitor"
)

// labels has the value of the label netns for each network namespace that there is.
// A run of one namespace has its number 0 alone, and no label.
type labels map[monitor.NetNS]string

// labelsOf names each namespace once: of two with the same name, the second has its
// inode behind it.
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

// scope makes metrics of one network namespace.
type scope struct {
	label   string
	several bool
}

func (m *Metrics) scope(label string) scope { return scope{label, m.cfg.Namespaces != nil} }

// value returns a value of a family that each namespace has.
func (s scope) value(f *Family, n float64, labels ...string) prometheus.Metric {
	d, labels := s.with(f, labels)
	return f.metric(d, n, labels)
}

func (s scope) histogram(f *Family, h *histogram, at *bounds, labels ...string) prometheus.Metric {
	d, labels := s.with(f, labels)
	return h.metric(d, at, labels...)
}

func (s scope) with(f *Family, labels []string) (*prometheus.Desc, []string) {
	if s.several {
		return f.netns, append(labels, s.label)
	}
	return f.desc, labels
}
