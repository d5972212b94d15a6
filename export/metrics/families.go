package metrics

var (
	build = global("gauge", "natlens_build_info", "The version of natlens; always 1.", "version", "goversion")

	events = perNetNS("counter", "natlens_events_total",
		"Events of the kernel, by kind, and by the protocol and the state of the flow after them.",
		"kind", "protocol", "state")
	inferred = perNetNS("counter", "natlens_inferred_events_total",
		"Events concluded from a reconciliation with the kernel's table, which the kernel did not send.", "kind")
	lost = global("counter", "natlens_events_lost_total",
		"Events that the kernel dropped before they could be read.")
	gaps    = global("counter", "natlens_event_gaps_total", "How often the kernel dropped events.")
	resyncs = global("counter", "natlens_resyncs_total",
		"Reconciliations with the kernel's table after events were lost.")

	capture   = global("gauge", "natlens_capture_info", "The way events are captured: ring or socket; always 1.", "way")
	queue     = global("gauge", "natlens_capture_queue_bytes", "Room for events between the kernel and natlens.")
	wakeups   = global("counter", "natlens_capture_wakeups_total", "Times that the reader of events was woken.")
	malformed = global("counter", "natlens_capture_malformed_total", "Messages that could not be decoded.")
	forged    = global("counter", "natlens_capture_forged_total", "Messages of other senders than the kernel, refused.")
	unknown   = global("counter", "natlens_capture_unknown_attributes_total",
		"Attributes of messages that natlens does not know, skipped.")
	leftOut = global("counter", "natlens_capture_left_out_total",
		"Events that the filter left out in the kernel; no other metric counts them.")

	entries = perNetNS("gauge", "natlens_table_entries",
		"Entries in the kernel's table of connections (nf_conntrack_count).")
	maximum = perNetNS("gauge", "natlens_table_max_entries",
		"Entries that the kernel's table may have (nf_conntrack_max).")
	kernelMoves = perNetNS("counter", "natlens_kernel_stat_total",
		"The kernel's counters of connection tracking, as conntrack -S names them, of all CPUs.", "stat")
	kernelErrors = global("counter", "natlens_kernel_read_errors_total",
		"Scrapes for which the kernel's counters could not be read.")

	flows   = perNetNS("gauge", "natlens_flows", "Flows in natlens's table.", "protocol", "state")
	refused = global("counter", "natlens_flows_refused_total",
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
	scanTook = global("gauge", "natlens_table_scan_seconds",
		"Duration of the last scan of natlens's table for these metrics.")

	findings = perNetNS("gauge", "natlens_findings", "Findings that hold now.", "rule")

	handshakes = perNetNS("histogram", "natlens_handshake_seconds",
		"From the first packet of a connection to its being established.", "protocol")
	lifetimes = perNetNS("histogram", "natlens_flow_lifetime_seconds",
		"From the first packet of a flow to its end, the time until it timed out included.", "protocol")
)
