package findings

import "natlens/monitor"

// rules are all rules. docs/findings.md has the same table, and what each of them counts.
var rules = []Rule{
	{"syn-unanswered", monitor.SeverityWarn, "A destination answers no connection.",
		"The server is down, a firewall drops the packets, or the answers do not come back through this gateway.",
		[]threshold{synUnanswered, synAge}, false, "list", handshakes(0)},
	{"syn-unanswered-host", monitor.SeverityWarn, "A host gets no answer from many destinations.",
		"The host scans the network, is infected, or connects to a service that has moved.",
		[]threshold{synHost, synAge}, false, "list", (*Engine).unansweredHosts},
	{"half-open", monitor.SeverityWarn, "Handshakes are answered but not completed.",
		"The client's packets take another path than the answers (asymmetric routing), or the answers do not reach " +
			"the client.",
		[]threshold{halfOpen, halfAge}, false, "list", handshakes(1)},
	{"one-sided", monitor.SeverityWarn, "Only one direction of connections passes this gateway.",
		"Packets of the other direction take another path. Check the routes of both ends.",
		[]threshold{oneSided, halfAge}, false, "list", handshakes(2)},
	{"dnat-stale", monitor.SeverityFail, "A client still sends to a target that is gone.",
		"The flow began before the service moved, and its entry stays as long as the client sends. Delete the entry.",
		[]threshold{dnatStale, dnatAge}, false, "delete", stale(false)},
	{"dnat-missed", monitor.SeverityFail, "A client's packets do not get the DNAT that other clients get.",
		"The flow began before the rule existed, and NAT is decided on the first packet only. Delete the entry.",
		[]threshold{dnatStale, dnatAge}, false, "delete", stale(true)},
	{"hairpin", monitor.SeverityWarn, "Clients can't reach a published server in their own network.",
		"The server answers the client directly, from an address that the client does not expect. Add SNAT " +
			"(masquerade) for flows from that network to the server, or let clients there use the server's own " +
			"address (split DNS).",
		[]threshold{hairpinFlows, synAge, dnatAge}, false, "list", (*Engine).hairpins},
	{"snat-ports", monitor.SeverityFail, "A pool of source ports is nearly used up.",
		"A public address has a limited number of ports for each destination. Add addresses, or let clients reuse " +
			"connections.",
		[]threshold{snatPorts, snatMin}, false, "list", (*Engine).exhausted},
	{"snat-clash", monitor.SeverityInfo, "Source ports collide behind one public address.",
		"Many inside hosts use the same source ports. Protocols that need a certain port (games, VoIP, IPsec) may " +
			"fail.",
		[]threshold{snatClash, snatClashMin}, false, "list", (*Engine).clashes},
	{"snat-gone", monitor.SeverityFail, "Flows still use a public address that this gateway no longer has.",
		"The gateway's address has changed, and the entry of a flow keeps the old address as long as the client " +
			"sends. Delete the entries.",
		[]threshold{snatGone, dnatAge}, false, "delete", (*Engine).gone},
	{"many-flows", monitor.SeverityWarn, "A host opens many more flows than the others.",
		"A program leaks connections, the host is infected, or it is a busy server: then raise the threshold.",
		[]threshold{manyFlows, manyFactor, windowTime}, true, "list", (*Engine).manyFlows},
	{"many-destinations", monitor.SeverityWarn, "A host opens flows to very many destinations.",
		"A scan, a worm, or a peer-to-peer program.",
		[]threshold{manyDestinations, windowTime}, true, "list", (*Engine).manyDestinations},
	{"dns-race", monitor.SeverityWarn, "DNS queries are lost to races in the kernel.",
		"NAT chose the same port for two packets at once, or the port pool is used up. The client repeats the " +
			"query after 5 s. Give NAT more ports or addresses, let it choose ports at random, or run a resolver " +
			"on this host.",
		[]threshold{raceFailed, raceQueries, windowTime}, true, "list", races(0)},
	{"dns-clash", monitor.SeverityInfo, "DNS queries race in the kernel; none is lost.",
		"A client sends two queries (A and AAAA) at once from one port. Kernels before 5.0 lose one of them, and " +
			"the client waits 5 s. Use the resolver option single-request-reopen, TCP, or a resolver on the host.",
		[]threshold{raceClashes, raceQueries, windowTime}, true, "list", races(1)},
	{"idle", monitor.SeverityInfo, "Connections have been idle for hours.",
		"Connections ended without closing. Let the programs send keepalives, or shorten " +
			"nf_conntrack_tcp_timeout_established.",
		[]threshold{idleFlows, idleAge}, false, "list", (*Engine).idle},
}

// Rules returns all rules in a fixed order.
func Rules() []Rule { return rules[:] }
