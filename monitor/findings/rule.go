package findings

import "natlens/monitor"

// Rule is one thing that the engine looks for.
type Rule struct {
	ID       string // never changes its meaning
	Severity monitor.Severity
	Title    string // a few words
	Why      string // what it usually comes of, and what to do
}

// ruleID is an index into rules.
type ruleID uint8

const (
	ruleSyn ruleID = iota
	ruleSynHost
	ruleHalfOpen
	ruleOneSided
	ruleDNATStale
	ruleDNATMissed
	ruleSNATPorts
	ruleSNATClash
	ruleManyFlows
	ruleManyDestinations
	ruleDNSRace
	ruleDNSClash
	ruleIdle
	numRules
)

var rules = [numRules]Rule{
	ruleSyn: {"syn-unanswered", monitor.SeverityWarn, "a destination that nobody answers at",
		"the server is down, a firewall drops the packets, or the answers take a way around this gateway"},
	ruleSynHost: {"syn-unanswered-host", monitor.SeverityWarn, "a host whose connections are answered nowhere",
		"the host scans or is infected, or what it reaches for has moved"},
	ruleHalfOpen: {"half-open", monitor.SeverityWarn, "handshakes that are answered and never completed",
		"answers come through here and the client's packets go another way (asymmetric routing), or the answers don't reach the client"},
	ruleOneSided: {"one-sided", monitor.SeverityWarn, "connections of which one direction alone is seen",
		"packets of the other direction take a way around this gateway: check the routes of both ends"},
	ruleDNATStale: {"dnat-stale", monitor.SeverityFail, "UDP that is still sent to a target that is gone",
		"the flow began before the service moved, and its entry lives on as long as the client sends: delete it"},
	ruleDNATMissed: {"dnat-missed", monitor.SeverityFail, "UDP that goes past the DNAT that others have",
		"the flow began before the rule was there, and NAT is decided on the first packet alone: delete the entry"},
	ruleSNATPorts: {"snat-ports", monitor.SeverityFail, "a port pool that is nearly used up",
		"one public address has so many ports towards one destination: add addresses, or have clients reuse connections"},
	ruleSNATClash: {"snat-clash", monitor.SeverityInfo, "source ports that clash behind one address",
		"many inside hosts use the same source ports; what relies on its port (games, VoIP, IPsec) may fail"},
	ruleManyFlows: {"many-flows", monitor.SeverityWarn, "a host that opens many more flows than the others",
		"a program that leaks connections, an infection, or a busy server that wants a limit of its own"},
	ruleManyDestinations: {"many-destinations", monitor.SeverityWarn, "a host that opens flows to very many destinations",
		"a scan, a worm, or a peer-to-peer program"},
	ruleDNSRace: {"dns-race", monitor.SeverityWarn, "DNS queries that are lost to races in the kernel",
		"two packets made NAT choose the same port at once, or the port pool is used up: the query that is lost is asked again after 5 s; " +
			"translate to more ports or addresses, at random, or have a resolver on this host"},
	ruleDNSClash: {"dns-clash", monitor.SeverityInfo, "DNS queries that race in the kernel, which saves them",
		"a client sends two queries (A and AAAA) at once from one port; kernels before 5.0 lose one of them, and the client waits 5 s: " +
			"use single-request-reopen, TCP, or a resolver on the host"},
	ruleIdle: {"idle", monitor.SeverityInfo, "connections that have been idle for hours",
		"ends went away without a word: have the programs send keepalives, or shorten nf_conntrack_tcp_timeout_established"},
}

// Rules returns all rules in a fixed order.
func Rules() []Rule { return rules[:] }
