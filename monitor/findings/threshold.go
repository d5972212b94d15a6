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
	Reason  string // reason of the default
}

// thresholds are all thresholds. docs/findings.md has the same table.
var thresholds = [numThresholds]Threshold{
	synUnanswered: {"syn-unanswered", "20", "TCP connections to one destination without an answer",
		"A browser opens six connections to a dead server, two browsers twelve. Twenty at once are many users or " +
			"many attempts."},
	synHost: {"syn-unanswered-host", "50",
		"TCP connections of one host without an answer, to eight destinations or more",
		"Peer-to-peer programs often have some dozens."},
	synAge: {"syn-age", "3s", "minimum age of a connection without an answer; hairpin uses it too",
		"A client repeats its SYN after 1 s and 3 s. By then two packets were lost, or there is no answer."},
	halfOpen: {"half-open", "10", "TCP connections to one destination in SYN_RECV",
		"The third packet of a handshake follows within a round trip. Ten missing at once are no coincidence."},
	halfAge: {"half-open-age", "5s", "minimum age of a connection in SYN_RECV; one-sided uses it too",
		"If the third packet is lost, the next data completes the handshake, or the server repeats its SYN/ACK after " +
			"1 s and 3 s."},
	oneSided: {"one-sided", "10", "established TCP connections to one destination with packets in one direction only",
		"After a reboot of this host there can be a few connections on which only one end sends."},
	dnatStale: {"dnat-stale", "1", "flows that keep an old DNAT decision and get no answer",
		"One such flow is a client that gets no answer as long as it keeps sending."},
	dnatAge: {"dnat-stale-age", "10s",
		"minimum age of such a flow without an answer, or time since its last answer; snat-gone uses it too, and " +
			"hairpin for UDP flows",
		"Answers take milliseconds, and a DNS client repeats its query after 5 s."},
	hairpinFlows: {"hairpin", "1", "unanswered flows that DNAT sends back into the client's own network without SNAT",
		"Such a flow never gets an answer that the client accepts, so one is enough."},
	snatPorts: {"snat-ports", "80%", "share of a port pool that is in use towards one destination",
		"The last fifth is a reserve for bursts. At 100 % connections fail."},
	snatMin: {"snat-ports-min", "64", "ports in use, below which a pool is not reported",
		"The size of a pool is derived from the ports in use. With fewer ports it is not reliable."},
	snatClash: {"snat-clash", "25%", "share of the flows of one public address whose port had to be changed",
		"Random ports of a few hundred flows rarely collide. In a pool that is a quarter full, a quarter collides."},
	snatClashMin: {"snat-clash-min", "100", "flows whose port was changed, below which an address is not reported",
		"Some programs all use the same source port."},
	snatGone: {"snat-gone", "1",
		"flows with SNAT to an address that this host no longer has, and without an answer",
		"One such flow is a client that gets no answer as long as it keeps sending."},
	manyFlows: {"many-flows", "200", "new flows of one inside host per second",
		"A browser opens at most about a hundred in a second. This is the mean over a window."},
	manyFactor: {"many-flows-factor", "10", "ratio of that rate to the mean of the other inside hosts",
		"Similar hosts differ by a factor of two or three."},
	manyDestinations: {"many-destinations", "500",
		"distinct pairs of address and port to which one inside host opens flows within a window",
		"A heavy web page has some dozens, a torrent client up to two hundred, a scan thousands."},
	windowTime: {"window", "10s", "time over which rates are counted",
		"Long enough that a page load is not reported, short enough to report a flood soon."},
	raceFailed: {"dns-race", "3", "entries that the kernel could not insert (insert_failed) within a window",
		"Each is a dropped packet. One or two are coincidence."},
	raceClashes: {"dns-clash", "100",
		"packets within a window that began a flow which another packet had just begun (clash_resolve)",
		"The kernel loses none of them. Ten a second show that clients send both queries at once."},
	raceQueries: {"dns-race-queries", "10", "new UDP flows to one resolver within the same window",
		"Without a burst of queries the counter grows for another reason."},
	idleFlows: {"idle-flows", "1000", "idle ESTABLISHED TCP flows",
		"A thousand use 300 kB, and show that connections end without closing."},
	idleAge: {"idle-age", "1h", "minimum time since the last packet of such a flow",
		"Programs that send keepalives send one within the hour, the kernel after two hours."},
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
