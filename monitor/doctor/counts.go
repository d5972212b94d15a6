package doctor

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"natlens/monitor"
)

// Counts counts the flows of a table; each is given to Add once.
type Counts struct {
	Flows     uint64
	Counted   uint64 // with counters
	Helped    uint64
	Labelled  uint64
	Offloaded uint64
	Unhelped  [len(helped)]uint64 // flows to those ports without a helper

	Unreplied uint64
	TimeWait  uint64 // TCP in TIME_WAIT

	Established uint64 // TCP in ESTABLISHED
	Idle        uint64 // of these, flows that had no packet for an hour; see Before

	QuietUDP uint64 // UDP of protocols that are silent for long, not yet assured
	DNS      uint64 // UDP to port 53

	// Timeouts are the settings by which Idle is counted, and Before returns an earlier
	// reading of a flow: one that had packets since is not idle. To be set before Add;
	// nil: Idle is 0.
	Timeouts monitor.TCPTimeouts
	Before   func(orig monitor.Tuple) (monitor.Reading, bool)

	sources, destinations tally[monitor.Addr]
	ports                 tally[port]
	states                tally[state]
}

// port is a protocol with a destination port, 0 for protocols without.
type port struct {
	proto monitor.Proto
	port  uint16
}

// state is a protocol with its state; for those without states, whether it was replied to.
type state struct {
	proto monitor.Proto
	name  string
}

// idleAfter is the number of seconds without a packet after which a flow is idle.
const idleAfter = 3600

// Add counts a flow that a dump found.
func (c *Counts) Add(e *monitor.Event) {
	f, known := &e.Flow, e.Known()
	to := port{proto: f.Orig.Proto}
	if f.Orig.Proto.HasPorts() {
		to.port = f.Orig.DstPort
	}
	c.Flows++
	count(&c.Counted, known.Any(monitor.AttrCountersOrig|monitor.AttrCountersReply))
	count(&c.Helped, known.Any(monitor.AttrHelper))
	count(&c.Labelled, known.Any(monitor.AttrLabels))
	count(&c.Offloaded, f.Status&(monitor.Offload|monitor.HWOffload) != 0)
	count(&c.Unreplied, !f.Status.Has(monitor.SeenReply))
	for i, h := range helped {
		count(&c.Unhelped[i], !known.Any(monitor.AttrHelper) && to.port == h.port && to.proto.Name() == h.proto)
	}
	switch f.Orig.Proto {
	case monitor.TCP:
		count(&c.TimeWait, f.State == monitor.TCPTimeWait)
		count(&c.Established, f.State == monitor.TCPEstablished)
		count(&c.Idle, f.State == monitor.TCPEstablished && c.idle(e))
	case monitor.UDP:
		count(&c.DNS, to.port == 53)
		count(&c.QuietUDP, quiet[to.port] && !f.Status.Has(monitor.Assured))
	}
	c.sources.add(f.Orig.Src)
	c.destinations.add(f.Orig.Dst)
	c.ports.add(to)
	c.states.add(stateOf(f))
}

func count(n *uint64, yes bool) {
	if yes {
		*n++
	}
}

// idle reports whether two dumps show that an ESTABLISHED flow had no packet for an hour.
func (c *Counts) idle(e *monitor.Event) bool {
	if c.Before == nil || c.Timeouts.IdleFor(e.Flow.Timeout) < idleAfter {
		return false
	}
	before, ok := c.Before(e.Flow.Orig)
	return ok && before.Unchanged(e.Flow.Reading(e.Known(), e.Time))
}

func stateOf(f *monitor.Flow) state {
	s := state{f.Orig.Proto, f.State.Name(f.Orig.Proto)}
	switch {
	case s.name != "":
	case !f.Status.Has(monitor.SeenReply):
		s.name = "UNREPLIED"
	case f.Status.Has(monitor.Assured):
		s.name = "ASSURED"
	default:
		s.name = "replied"
	}
	return s
}

// maxKeys bounds the keys of a tally.
const maxKeys = 1 << 16

// tally counts flows by a key. Counts are exact; flows of further keys than maxKeys are
// counted in beyond alone.
type tally[K comparable] struct {
	n      map[K]uint64
	beyond uint64
}

func (t *tally[K]) add(k K) {
	switch n, ok := t.n[k]; {
	case ok || len(t.n) < maxKeys:
		if t.n == nil {
			t.n = make(map[K]uint64)
		}
		t.n[k] = n + 1
	default:
		t.beyond++
	}
}

func (c *Counts) beyond() uint64 {
	return c.sources.beyond + c.destinations.beyond + c.ports.beyond + c.states.beyond
}

// Share is a part of the flows that have something in common.
type Share struct {
	Name  string  `json:"name"`
	Flows uint64  `json:"flows"`
	Over  uint64  `json:"over"`  // 0: Flows is exact
	Share float64 `json:"share"` // of all flows, in percent
}

// The most frequent sources, destinations, ports and states, at most n of each.
func (c *Counts) Sources(n int) []Share {
	return most(c, &c.sources, n, monitor.Addr.String, compareAddr)
}
func (c *Counts) Destinations(n int) []Share {
	return most(c, &c.destinations, n, monitor.Addr.String, compareAddr)
}
func (c *Counts) Ports(n int) []Share  { return most(c, &c.ports, n, port.String, comparePort) }
func (c *Counts) States(n int) []Share { return most(c, &c.states, n, state.String, compareState) }

func most[K comparable](c *Counts, t *tally[K], n int, name func(K) string, compare func(a, b K) int) (all []Share) {
	keys := make([]K, 0, len(t.n))
	for k := range t.n {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b K) int { return cmp.Or(cmp.Compare(t.n[b], t.n[a]), compare(a, b)) })
	for _, k := range keys[:min(n, len(keys))] {
		all = append(all, Share{Name: name(k), Flows: t.n[k], Share: share(t.n[k], c.Flows)})
	}
	return all
}

func compareAddr(a, b monitor.Addr) int { return bytes.Compare(a[:], b[:]) }
func comparePort(a, b port) int {
	return cmp.Or(cmp.Compare(a.proto, b.proto), cmp.Compare(a.port, b.port))
}
func compareState(a, b state) int {
	return cmp.Or(cmp.Compare(a.proto, b.proto), cmp.Compare(a.name, b.name))
}

// String returns the words that a filter takes: "tcp dport 443", "icmp".
func (p port) String() string {
	if p.port == 0 {
		return p.proto.String()
	}
	return p.proto.String() + " dport " + strconv.Itoa(int(p.port))
}

func (s state) String() string { return s.proto.String() + " " + s.name }
