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
