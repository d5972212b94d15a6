package findings

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"natlens/monitor"
)

// Thresholds are the values from which the rules report. Use [DefaultThresholds] and Set.
type Thresholds [numThresholds]float64

// threshold is an index into Thresholds.
type threshold int

const (
	synUnanswered threshold = iota
	synHost
	synAge
	halfOpen
	halfAge
	oneSided
	dnatStale
	dnatAge
	hairpinFlows
	snatPorts
	snatMin
	snatClash
	snatClashMin
	snatGone
	manyFlows
	manyFactor
	manyDestinations
	windowTime
	raceFailed
	raceClashes
	raceQueries
	idleFlows
	idleAge
	numThresholds
)

// Threshold describes one threshold.
type Threshold struct {
	Name    string
	Default string // 20, 80% or 10s: other values are written the same way
	Means   string // what is counted
}

// thresholds are all thresholds. docs/findings.md has the same table.
var thresholds = [numThresholds]Threshold{
	synUnanswered: {"syn-unanswered", "20", "TCP connections to one destination without an answer"},
	synHost: {"syn-unanswered-host", "50",
		"TCP connections of one host without an answer, to eight destinations or more"},
	synAge:   {"syn-age", "3s", "minimum age of a connection without an answer; hairpin uses it too"},
	halfOpen: {"half-open", "10", "TCP connections to one destination in SYN_RECV"},
	halfAge:  {"half-open-age", "5s", "minimum age of a connection in SYN_RECV; one-sided uses it too"},
	oneSided: {"one-sided", "10",
		"established TCP connections to one destination with packets in one direction only"},
	dnatStale: {"dnat-stale", "1", "flows that keep an old DNAT decision and get no answer"},
	dnatAge: {"dnat-stale-age", "10s",
		"minimum age of such a flow without an answer, or time since its last answer; snat-gone uses it too, and " +
			"hairpin for UDP flows"},
	hairpinFlows: {"hairpin", "1",
		"unanswered flows that DNAT sends back into the client's own network without SNAT"},
	snatPorts:    {"snat-ports", "80%", "share of a port pool that is in use towards one destination"},
	snatMin:      {"snat-ports-min", "64", "ports in use, below which a pool is not reported"},
	snatClash:    {"snat-clash", "25%", "share of the flows of one public address whose port had to be changed"},
	snatClashMin: {"snat-clash-min", "100", "flows whose port was changed, below which an address is not reported"},
	snatGone: {"snat-gone", "1",
		"flows with SNAT to an address that this host no longer has, and without an answer"},
	manyFlows:  {"many-flows", "200", "new flows of one inside host per second"},
	manyFactor: {"many-flows-factor", "10", "ratio of that rate to the mean of the other inside hosts"},
	manyDestinations: {"many-destinations", "500",
		"distinct pairs of address and port to which one inside host opens flows within a window"},
	windowTime: {"window", "10s", "time over which rates are counted"},
	raceFailed: {"dns-race", "3", "entries that the kernel could not insert (insert_failed) within a window"},
	raceClashes: {"dns-clash", "100",
		"packets within a window that began a flow which another packet had just begun (clash_resolve)"},
	raceQueries: {"dns-race-queries", "10", "new UDP flows to one resolver within the same window"},
	idleFlows:   {"idle-flows", "1000", "idle ESTABLISHED TCP flows"},
	idleAge:     {"idle-age", "1h", "minimum time since the last packet of such a flow"},
}

// reached reports whether a time is as long as a threshold asks for.
func (t *Thresholds) reached(by threshold, d monitor.Time) bool {
	return float64(d) >= t[by]*float64(time.Second)
}

// AllThresholds returns the descriptions in a fixed order.
func AllThresholds() []Threshold { return thresholds[:] }

// DefaultThresholds returns the defaults.
func DefaultThresholds() (t Thresholds) {
	for i := range thresholds {
		t[i], _ = thresholds[i].parse(thresholds[i].Default)
	}
	return t
}

// Set sets one threshold from NAME=VALUE. Values are above 0.
func (t *Thresholds) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("a threshold is NAME=VALUE, such as syn-unanswered=20")
	}
	names := make([]string, len(thresholds))
	for i := range thresholds {
		if names[i] = thresholds[i].Name; names[i] != name {
			continue
		}
		v, ok := thresholds[i].parse(value)
		if !ok {
			return fmt.Errorf("%s: %q is not a value above 0 such as %s", name, value, thresholds[i].Default)
		}
		t[i] = v
		return nil
	}
	return fmt.Errorf("there is no threshold %q; accepted are %s", name, strings.Join(names, ", "))
}

// Within adapts the thresholds to a run of that duration: the window is at most as long, and a
// flow whose beginning was not seen has the minimum age in the second half.
func (t *Thresholds) Within(d time.Duration) {
	t[windowTime] = min(t[windowTime], d.Seconds())
	for _, age := range []threshold{synAge, halfAge, dnatAge} {
		t[age] = min(t[age], d.Seconds()/2)
	}
}

// parse reads a value: a duration (stored in seconds), a percentage, or a number.
func (t *Threshold) parse(value string) (v float64, ok bool) {
	if _, err := time.ParseDuration(t.Default); err == nil {
		d, err := time.ParseDuration(value)
		return d.Seconds(), err == nil && d > 0
	}
	share := strings.HasSuffix(t.Default, "%")
	if share {
		value = strings.TrimSuffix(value, "%")
	}
	v, err := strconv.ParseFloat(value, 64)
	return v, err == nil && v > 0 && !math.IsInf(v, 0) && (!share || v <= 100)
}

// Rule is one kind of finding.
type Rule struct {
	ID         string // its meaning never changes
	Severity   monitor.Severity
	Means      string
	Why        string      // the usual cause, and what to do
	thresholds []threshold // the first is the level of the finding
	window     bool        // a rule about rates: evaluated at the end of a window, not of a scan
	command    string      // natlens command that shows or deletes the flows

	find func(*Engine) // calls Engine.add for each group of flows
}

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
