package doctor

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"

	"natlens/monitor"
)

// Census counts the flows of a table, each given once to Add. Its memory does
// not grow with them.
type Census struct {
	Flows     uint64
	Counted   uint64 // with counters
	Helped    uint64
	Labelled  uint64
	Offloaded uint64
	Unhelped  [len(helped)]uint64 // flows to those ports without a helper

	Unreplied uint64 // no answer was seen
	TimeWait  uint64 // TCP in TIME_WAIT

	Established uint64 // TCP in ESTABLISHED
	Idle        uint64 // of these, flows that had no packet for an hour; see Before

	LongUDP uint64 // UDP of protocols that keep quiet for long, not yet assured
	DNS     uint64 // UDP to port 53

	// Timeouts are the settings by which Idle is counted, and Before returns an earlier
	// reading of a flow: one that had packets since is not idle. To be set before Add;
	// nil: Idle is 0.
	Timeouts monitor.TCPTimeouts
	Before   func(orig monitor.Tuple) (monitor.Reading, bool)

	sources, destinations Top[monitor.Addr]
	ports                 Top[Port]
	states                Top[State]
}

// Port is a protocol with a destination port.
type Port struct {
	Proto monitor.Proto
	Port  uint16 // 0 for protocols without
}

// State is a protocol with its state; for those without states, whether it was
// replied to.
type State struct {
	Proto monitor.Proto
	Name  string
}

// Add counts a flow that a dump told.
func (c *Census) Add(e *monitor.Event) {
	f := &e.Flow
	c.Flows++
	known := e.Known()
	count(&c.Counted, known.Any(monitor.AttrCountersOrig|monitor.AttrCountersReply))
	count(&c.Helped, known.Any(monitor.AttrHelper))
	count(&c.Labelled, known.Any(monitor.AttrLabels))
	count(&c.Offloaded, f.Status&(monitor.Offload|monitor.HWOffload) != 0)
	count(&c.Unreplied, !f.Status.Has(monitor.SeenReply))
	c.tcp(f, f.Reading(known, e.Time))
	c.udp(f)
	port := Port{Proto: f.Orig.Proto}
	if f.Orig.Proto.HasPorts() {
		port.Port = f.Orig.DstPort
	}
	if !known.Any(monitor.AttrHelper) {
		for i, h := range helped {
			count(&c.Unhelped[i], port.Port == h.port && port.Proto.Name() == h.proto)
		}
	}
	c.sources.Add(f.Orig.Src)
	c.destinations.Add(f.Orig.Dst)
	c.ports.Add(port)
	c.states.Add(stateOf(f))
}

func count(n *uint64, yes bool) {
	if yes {
		*n++
	}
}

// idleAfter is from how many seconds without a packet on a flow is idle.
const idleAfter = 3600

func (c *Census) tcp(f *monitor.Flow, now monitor.Reading) {
	if f.Orig.Proto != monitor.TCP {
		return
	}
	count(&c.TimeWait, f.State == monitor.TCPTimeWait)
	if f.State == monitor.TCPEstablished {
		c.Established++
		count(&c.Idle, c.idle(f, now))
	}
}

func (c *Census) idle(f *monitor.Flow, now monitor.Reading) bool {
	if c.Before == nil || c.Timeouts.IdleFor(f.Timeout) < idleAfter {
		return false
	}
	before, ok := c.Before(f.Orig)
	return ok && before.Unchanged(now)
}

// quiet are the ports of protocols over UDP whose ends keep quiet for about as
// long as an unassured flow lives: SIP, STUN, IKE, IPsec over UDP, OpenVPN,
// WireGuard.
var quiet = map[uint16]bool{5060: true, 3478: true, 500: true, 4500: true, 1194: true, 51820: true}

func (c *Census) udp(f *monitor.Flow) {
	if f.Orig.Proto != monitor.UDP {
		return
	}
	count(&c.DNS, f.Orig.DstPort == 53)
	count(&c.LongUDP, quiet[f.Orig.DstPort] && !f.Status.Has(monitor.Assured))
}

func stateOf(f *monitor.Flow) State {
	s := State{Proto: f.Orig.Proto, Name: f.State.Name(f.Orig.Proto)}
	switch {
	case s.Name != "":
	case !f.Status.Has(monitor.SeenReply):
		s.Name = "UNREPLIED"
	case f.Status.Has(monitor.Assured):
		s.Name = "ASSURED"
	default:
		s.Name = "replied"
	}
	return s
}

// Share is one of those who fill the table.
type Share struct {
	Name  string  `json:"name"`
	Flows uint64  `json:"flows"` // at the most; at least Flows-Over
	Over  uint64  `json:"over"`  // 0: Flows is exact
	Share float64 `json:"share"` // of all flows, in percent
}

// Who fills the table most, at most n of each kind.
func (c *Census) Sources(n int) []Share { return shares(c, &c.sources, n, addrName, compareAddr) }
func (c *Census) Destinations(n int) []Share {
	return shares(c, &c.destinations, n, addrName, compareAddr)
}
func (c *Census) Ports(n int) []Share  { return shares(c, &c.ports, n, Port.String, comparePort) }
func (c *Census) States(n int) []Share { return shares(c, &c.states, n, State.String, compareState) }

func shares[K comparable](c *Census, t *Top[K], n int, name func(K) string, less func(a, b K) int) (all []Share) {
	for _, m := range t.Most(n, less) {
		all = append(all, Share{name(m.Key), m.N, m.Over, share(m.N, c.Flows)})
	}
	return all
}

func addrName(a monitor.Addr) string    { return a.String() }
func compareAddr(a, b monitor.Addr) int { return bytes.Compare(a[:], b[:]) }
func comparePort(a, b Port) int {
	return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Port, b.Port))
}
func compareState(a, b State) int {
	return cmp.Or(cmp.Compare(a.Proto, b.Proto), strings.Compare(a.Name, b.Name))
}

// String returns the words that a filter takes: "tcp dport 443", "icmp".
func (p Port) String() string {
	if p.Port == 0 {
		return p.Proto.String()
	}
	return p.Proto.String() + " dport " + strconv.Itoa(int(p.Port))
}

func (s State) String() string { return s.Proto.String() + " " + s.Name }
