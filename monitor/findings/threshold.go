package findings

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Limits are from where on something is a finding. They are what [DefaultLimits]
// returns, changed by Set.
type Limits [numLimits]float64

// limit names an element of Limits.
type limit int

const (
	synUnanswered limit = iota
	synHost
	synAge
	halfOpen
	halfAge
	oneSided
	dnatStale
	dnatAge
	snatPorts
	snatMin
	snatClash
	snatClashMin
	manyFlows
	manyFactor
	manyDestinations
	windowTime
	raceFailed
	raceClashes
	raceQueries
	idleFlows
	idleAge
	numLimits
)

// Unit says what a limit counts, and how it is written.
type Unit string

// The units. A time is written as 10s, 5m, 1h and kept in seconds.
const (
	Flows     Unit = "flows"
	Ports     Unit = "ports"
	Hosts     Unit = "destinations"
	Times     Unit = "times"
	Percent   Unit = "%"
	PerSecond Unit = "flows/s"
	Seconds   Unit = "time"
)

// Limit is one limit as people set it.
type Limit struct {
	Name    string
	Unit    Unit
	Default float64
	Means   string // what is counted
	Reason  string // why the default is what it is
}

// limits is the one place where limits stand; docs/findings.md shows it.
var limits = [numLimits]Limit{
	synUnanswered: {"syn-unanswered", Flows, 20, "TCP connections to one destination that nobody answered",
		"a browser that finds a server dead opens six, and two users of it twelve; twenty open at once are many users or many attempts"},
	synHost: {"syn-unanswered-host", Flows, 50, "TCP connections of one host that nobody answered, to eight destinations or more",
		"programs that look for peers leave some dozens"},
	synAge: {"syn-age", Seconds, 3, "how old one of them has to be",
		"the first two repetitions of a SYN come after 1 s and 3 s: then two packets were lost, or nobody is there"},
	halfOpen: {"half-open", Flows, 10, "TCP connections to one destination in SYN_RECV",
		"the third packet of a handshake follows within a round trip; ten that wait at once are no chance"},
	halfAge: {"half-open-age", Seconds, 5, "how old one of them has to be",
		"a lost third packet is made good by the next data, or by the server's repetition after 1 s and 3 s"},
	oneSided: {"one-sided", Flows, 10, "established TCP connections to one destination of which one direction alone is seen",
		"a few are connections from before a restart of this host, on which the other end has nothing to say"},
	dnatStale: {"dnat-stale", Flows, 1, "unanswered UDP flows to a target that answers nobody, or past the DNAT that newer ones have",
		"one such flow is a client that is cut off for as long as it goes on sending"},
	dnatAge: {"dnat-stale-age", Seconds, 10, "how old one of them has to be",
		"answers take milliseconds, and a resolver asks again after 5 s"},
	snatPorts: {"snat-ports", Percent, 80, "share of a port pool that is in use towards one destination",
		"the last fifth is what a burst needs; at 100 % connections fail"},
	snatMin: {"snat-ports-min", Ports, 64, "ports in use below which a pool is none",
		"how large a pool is, is concluded from the ports that are seen: fewer tell too little"},
	snatClash: {"snat-clash", Percent, 25, "share of the flows of one public address whose port had to be changed, while others keep theirs",
		"random ports of a few hundred flows hardly ever meet; a pool that is filled to a quarter changes a quarter"},
	snatClashMin: {"snat-clash-min", Flows, 100, "flows whose port was changed, below which that is nothing",
		"some programs all use the same source port"},
	manyFlows: {"many-flows", PerSecond, 200, "new flows a second of one inside host",
		"a browser's worst second has about a hundred, for that second; this is the mean of a window"},
	manyFactor: {"many-flows-factor", Times, 10, "how many times the mean of the other inside hosts that has to be",
		"hosts of one kind differ by two or three"},
	manyDestinations: {"many-destinations", Hosts, 500, "distinct addresses with ports that one inside host opens flows to within a window",
		"a heavy web page has some dozens, a torrent client up to two hundred; a scan has thousands"},
	windowTime: {"window", Seconds, 10, "over how long rates are counted",
		"long enough that a page load is no flood, short enough to hear of one"},
	raceFailed: {"dns-race", Times, 3, "entries that the kernel could not insert (insert_failed) within a window",
		"each is a packet dropped; one or two are chance"},
	raceClashes: {"dns-clash", Times, 100, "packets that began a flow which another one had just begun (clash_resolve) within a window",
		"each is saved: ten a second are a habit of clients that is worth knowing, not a trouble"},
	raceQueries: {"dns-race-queries", Flows, 10, "new UDP flows to one resolver within the same window",
		"without a burst to a resolver the failures are of something else"},
	idleFlows: {"idle-flows", Flows, 1000, "ESTABLISHED TCP flows that were idle for long",
		"a thousand are 300 KB, and show that ends go away without a word"},
	idleAge: {"idle-age", Seconds, 3600, "how long that is",
		"keepalives that programs send come within the hour; those of the kernel after two hours"},
}

// AllLimits returns what can be set, in a fixed order.
func AllLimits() []Limit { return limits[:] }

// DefaultLimits returns the defaults.
func DefaultLimits() (l Limits) {
	for i := range limits {
		l[i] = limits[i].Default
	}
	return l
}

// UnknownLimitError is the error of [Limits.Set] for a name that there is none
// of.
type UnknownLimitError string

// Error says which name.
func (e UnknownLimitError) Error() string { return fmt.Sprintf("there is no limit %q", string(e)) }

// Set sets the limit of that name. Numbers are above 0; shares may end in %, and
// times have a unit.
func (l *Limits) Set(name, value string) error {
	for i := range limits {
		if limits[i].Name != name {
			continue
		}
		v, err := limits[i].parse(value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		l[i] = v
		return nil
	}
	return UnknownLimitError(name)
}

// Within makes the limits fit a look of that length: the window ends with it, and
// flows whose birth nobody saw can be of age before it does.
func (l *Limits) Within(d time.Duration) {
	l[windowTime] = min(l[windowTime], d.Seconds())
	for _, age := range []limit{synAge, halfAge, dnatAge} {
		l[age] = min(l[age], d.Seconds()/2)
	}
}

func (l *Limit) parse(value string) (float64, error) {
	if l.Unit == Seconds {
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return 0, fmt.Errorf("%q is no time above 0, such as %s", value, l.Text(l.Default))
		}
		return d.Seconds(), nil
	}
	text := value
	if l.Unit == Percent {
		text = strings.TrimSuffix(value, "%")
	}
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil, !(v > 0), math.IsInf(v, 0), l.Unit == Percent && v > 100:
		return 0, fmt.Errorf("%q is no number of %s above 0, such as %s", value, l.Unit, l.Text(l.Default))
	}
	return v, nil
}

// Text writes a value of the limit as it can be set.
func (l *Limit) Text(v float64) string {
	switch l.Unit {
	case Seconds:
		text := time.Duration(v * float64(time.Second)).String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		return text
	case Percent:
		return strconv.FormatFloat(v, 'f', -1, 64) + "%"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
