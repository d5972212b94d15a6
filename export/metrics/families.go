package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Family is a metric that natlens exports. docs/metrics.md lists them.
type Family struct {
	Name, Type string // counter, gauge, histogram
	Help       string
	Labels     []string
	PerNetNS   bool // each network namespace has its own; the label netns follows if there are several

	desc, netns *prometheus.Desc // without and with the label netns
}

// families are natlens's own metrics, in the order of the docs.
var families []*Family

// family registers a metric of the whole run.
func family(typ, name, help string, labels ...string) *Family {
	f := &Family{Name: name, Type: typ, Help: help, Labels: labels}
	f.desc = prometheus.NewDesc(name, help, labels, nil)
	f.netns = f.desc
	families = append(families, f)
	return f
}

// perNetNS registers a metric of each network namespace.
func perNetNS(typ, name, help string, labels ...string) *Family {
	f := family(typ, name, help, labels...)
	f.PerNetNS = true
	f.netns = prometheus.NewDesc(name, help, append(slices.Clone(labels), "netns"), nil)
	return f
}

// with returns the description, and the labels with netns if it has that label.
func (f *Family) with(o output, labels []string) (*prometheus.Desc, []string) {
	switch {
	case !o.several:
		return f.desc, labels
	case f.PerNetNS:
		return f.netns, append(labels, o.netns)
	}
	return f.netns, labels
}

var (
	build = family("gauge", "natlens_build_info", "The version of natlens; always 1.", "version", "goversion")

	events = perNetNS("counter", "natlens_events_total",
		"Events of the kernel, by kind, and by the protocol and the state of the flow after them.",
		"kind", "protocol", "state")
	inferred = perNetNS("counter", "natlens_inferred_events_total",
		"Events concluded from a reconciliation with the kernel's table, which the kernel did not send.", "kind")
	lost = family("counter", "natlens_events_lost_total",
		"Events that the kernel dropped before they could be read.")
	gaps    = family("counter", "natlens_event_gaps_total", "How often the kernel dropped events.")
	resyncs = family("counter", "natlens_resyncs_total",
		"Reconciliations with the kernel's table after events were lost.")

	capture   = family("gauge", "natlens_capture_info", "The way events are captured: ring or socket; always 1.", "way")
	queue     = family("gauge", "natlens_capture_queue_bytes", "Room for events between the kernel and natlens.")
	wakeups   = family("counter", "natlens_capture_wakeups_total", "Times that the reader of events was woken.")
	malformed = family("counter", "natlens_capture_malformed_total", "Messages that could not be decoded.")
	forged    = family("counter", "natlens_capture_forged_total", "Messages of other senders than the kernel, refused.")
	unknown   = family("counter", "natlens_capture_unknown_attributes_total",
		"Attributes of messages that natlens does not know, skipped.")
	leftOut = family("counter", "natlens_capture_left_out_total",
		"Events that the filter left out in the kernel; no other metric counts them.")

	entries = perNetNS("gauge", "natlens_table_entries",
		"Entries in the kernel's table of connections (nf_conntrack_count).")
	maximum = perNetNS("gauge", "natlens_table_max_entries",
		"Entries that the kernel's table may have (nf_conntrack_max).")
	kernelMoves = perNetNS("counter", "natlens_kernel_stat_total",
		"The kernel's counters of connection tracking, as conntrack -S names them, of all CPUs.", "stat")
	kernelErrors = family("counter", "natlens_kernel_read_errors_total",
		"Scrapes for which the kernel's counters could not be read.")

	flows   = perNetNS("gauge", "natlens_flows", "Flows in natlens's table.", "protocol", "state")
	refused = family("counter", "natlens_flows_refused_total",
		"Flows that natlens's table did not take, because their network namespace had nf_conntrack_max flows there.")
	portsInUse = perNetNS("gauge", "natlens_snat_ports_in_use",
		"Ports, ids or keys of a public address that translated flows have in use.", "address", "protocol")
	portsThereAre = perNetNS("gauge", "natlens_snat_ports_available",
		"Ports, ids or keys that a public address has for translated flows, by the range that those in use show.",
		"address", "protocol")
	snatFlows = perNetNS("gauge", "natlens_snat_flows",
		"Flows whose source is translated to a public address.", "address", "protocol")
	snatPools = perNetNS("gauge", "natlens_snat_pools",
		"Pairs of a public address and a protocol to which sources are translated.")
	scanTook = family("gauge", "natlens_table_scan_seconds",
		"Duration of the last scan of natlens's table for these metrics.")

	findings = perNetNS("gauge", "natlens_findings", "Findings that hold now.", "rule")

	handshakes = perNetNS("histogram", "natlens_handshake_seconds",
		"From the first packet of a connection to its being established.", "protocol")
	lifetimes = perNetNS("histogram", "natlens_flow_lifetime_seconds",
		"From the first packet of a flow to its end, the time until it timed out included.", "protocol")
)

// Families lists natlens's own metrics.
func Families() []Family {
	all := make([]Family, len(families))
	for i, f := range families {
		all[i] = *f
	}
	return all
}
