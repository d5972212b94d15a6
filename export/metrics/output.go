//go:build !nometrics

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

func global(kind, name, help string, labels ...string) *family {
	f := &family{name: name, kind: kind, help: help, labels: labels}
	families = append(families, f)
	return f
}

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

var (
	build = global("gauge", "natlens_build_info",
		"Always 1. The labels are the versions of natlens and Go.", "version", "goversion")

	events = perNetNS("counter", "natlens_events_total",
		"Events that the kernel sent, by kind, protocol, and state after the event.",
		"kind", "protocol", "state")
	inferred = perNetNS("counter", "natlens_inferred_events_total",
		"Events derived from a reconciliation with the kernel's table. The kernel did not send them.", "kind")
	bytesTotal = perNetNS("counter", "natlens_bytes_total",
		"Bytes of flows since natlens started, counted when a flow ends and at each reading of its counters.",
		"direction", "nat")
	lost = global("counter", "natlens_events_lost_total",
		"Events that the kernel dropped because the queue was full.")
	gaps    = global("counter", "natlens_event_gaps_total", "Number of gaps in which the kernel dropped events.")
	resyncs = global("counter", "natlens_resyncs_total",
		"Finished reconciliations with the kernel's table.")

	capture = global("gauge", "natlens_capture_info",
		"Always 1. The label is the way of the capture: ring or socket.", "way")
	queue     = global("gauge", "natlens_capture_queue_bytes", "Size of the queue between the kernel and natlens.")
	wakeups   = global("counter", "natlens_capture_wakeups_total", "Wake-ups of the reader of events.")
	malformed = global("counter", "natlens_capture_malformed_total", "Messages that could not be decoded.")
	forged    = global("counter", "natlens_capture_forged_total",
		"Messages that another process sent, rejected. By socket only.")
	unknown = global("counter", "natlens_capture_unknown_attributes_total",
		"Attributes that natlens does not know, skipped.")

	entries = perNetNS("gauge", "natlens_table_entries",
		"Entries in the kernel's table of connections (nf_conntrack_count).")
	maximum = perNetNS("gauge", "natlens_table_max_entries",
		"Limit of entries in the kernel's table (nf_conntrack_max).")
	kernelMoves = perNetNS("counter", "natlens_kernel_stat_total",
		"Counters of conntrack -S, summed over the CPUs.", "stat")
	kernelErrors = global("counter", "natlens_kernel_read_errors_total",
		"Scrapes without an answer of the kernel.")

	flows   = perNetNS("gauge", "natlens_flows", "Flows in natlens's table.", "protocol", "state")
	refused = global("counter", "natlens_flows_refused_total",
		"Flows that natlens's table rejected, because their namespace already had nf_conntrack_max flows in it.")
	portsInUse = perNetNS("gauge", "natlens_snat_ports_in_use",
		"Distinct ports, ids or keys of translated sources.", "address", "protocol")
	portsThereAre = perNetNS("gauge", "natlens_snat_ports_available",
		"Ports, ids or keys that the address has, by the range that is derived from those in use.",
		"address", "protocol")
	snatFlows = perNetNS("gauge", "natlens_snat_flows",
		"Flows with a translated source.", "address", "protocol")
	snatPools = perNetNS("gauge", "natlens_snat_pools",
		"Pairs of a public address and a protocol.")
	scanTook = global("gauge", "natlens_table_scan_seconds",
		"Duration of the last scan of natlens's table.")

	findings = perNetNS("gauge", "natlens_findings", "Active findings.", "rule")

	handshakes = perNetNS("histogram", "natlens_handshake_seconds",
		"Time from the first packet to the established connection.", "protocol")
	lifetimes = perNetNS("histogram", "natlens_flow_lifetime_seconds",
		"Time from the first packet to the end of the flow, including the final timeout.", "protocol")
)
