package doctor

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"

	"natlens/monitor"
)

// Counts counts the flows of a table. Call Add once for each flow.
type Counts struct {
	Flows     uint64
	Counted   uint64 // flows with packet counters
	Helped    uint64
	Labelled  uint64
	Offloaded uint64
	Unhelped  [len(helped)]uint64 // flows to the ports of helped, without a helper

	Unreplied uint64
	TimeWait  uint64 // TCP in TIME_WAIT

	Established uint64 // TCP in ESTABLISHED
	Idle        uint64 // of these, flows without a packet for an hour; see Before

	QuietUDP uint64 // UDP of protocols that are silent for a long time, not assured yet
	DNS      uint64 // UDP to port 53

	// Timeouts and Before are set before Add. Timeouts are the kernel's settings from which
	// Idle is derived. Before returns an earlier reading of a flow: a flow that had packets
	// since then is not idle. If Before is nil, Idle stays 0.
	Timeouts monitor.TCPTimeouts
	Before   func(orig monitor.Tuple) (monitor.Reading, bool)

	tallies [len(groups)]map[key]uint64 // exact
	beyond  uint64                      // flows of keys after the first maxKeys of a group
}

// maxKeys is the maximum number of keys of a group.
const maxKeys = 1 << 16

// key is the attribute by which flows are grouped: an address, a protocol with its destination
// port, or a protocol with its state.
type key struct {
	addr  monitor.Addr
	proto monitor.Proto
	port  uint16 // 0 for protocols without ports
	state string // for protocols without states: whether there was a reply
}

// groups are the keys by which flows are counted, with their names in Evidence and Text.
var groups = [...]struct {
	name, word string
	key        func(*monitor.Flow) key
	text       func(key) string
}{
	{"sources", "from", func(f *monitor.Flow) key { return key{addr: f.Orig.Src} }, addrText},
	{"destinations", "to", func(f *monitor.Flow) key { return key{addr: f.Orig.Dst} }, addrText},
	{"ports", "by port", portOf, portText},
	{"states", "in state", stateOf, func(k key) string { return k.proto.String() + " " + k.state }},
}

func addrText(k key) string { return k.addr.String() }

func portOf(f *monitor.Flow) key {
	k := key{proto: f.Orig.Proto}
	if k.proto.HasPorts() {
		k.port = f.Orig.DstPort
	}
	return k
}

// portText returns a filter for the protocol and port: "tcp dport 443", "icmp".
func portText(k key) string {
	if k.port == 0 {
		return k.proto.String()
	}
	return k.proto.String() + " dport " + strconv.Itoa(int(k.port))
}

func stateOf(f *monitor.Flow) key {
	k := key{proto: f.Orig.Proto, state: f.State.Name(f.Orig.Proto)}
	switch {
	case k.state != "":
	case !f.Status.Has(monitor.SeenReply):
		k.state = "UNREPLIED"
	case f.Status.Has(monitor.Assured):
		k.state = "ASSURED"
	default:
		k.state = "replied"
	}
	return k
}

// idleAfter is the number of seconds without a packet after which a flow is idle.
const idleAfter = 3600

// Add counts a flow that a dump found.
func (c *Counts) Add(e *monitor.Event) {
	f, known := &e.Flow, e.Known()
	to := portOf(f)
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
	for i := range groups {
		if c.tallies[i] == nil {
			c.tallies[i] = make(map[key]uint64)
		}
		k := groups[i].key(f)
		if _, ok := c.tallies[i][k]; ok || len(c.tallies[i]) < maxKeys {
			c.tallies[i][k]++
		} else {
			c.beyond++
		}
	}
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

// share is a group of flows with the same key.
type share struct {
	Name  string  `json:"name"`
	Flows uint64  `json:"flows"`
	Over  uint64  `json:"over"`  // always 0: Flows is exact
	Share float64 `json:"share"` // of all flows, in percent
}

// most returns the most frequent keys of a group, at most n.
func (c *Counts) most(group, n int) (all []share) {
	t := c.tallies[group]
	keys := slices.SortedFunc(maps.Keys(t), func(a, b key) int {
		return cmp.Or(cmp.Compare(t[b], t[a]), bytes.Compare(a.addr[:], b.addr[:]), cmp.Compare(a.proto, b.proto),
			cmp.Compare(a.port, b.port), cmp.Compare(a.state, b.state))
	})
	for _, k := range keys[:min(n, len(keys))] {
		all = append(all, share{Name: groups[group].text(k), Flows: t[k], Share: percent(t[k], c.Flows)})
	}
	return all
}

// percent returns n as a percentage of all; 0 if all is 0.
func percent(n, all uint64) float64 { return 100 * float64(n) / float64(cmp.Or(all, 1)) }

// helped are the ports of protocols that open more connections, with the kernel's helper for
// each.
var helped = [...]struct {
	name, proto string
	port        uint16
}{{"ftp", "tcp", 21}, {"pptp", "tcp", 1723}, {"tftp", "udp", 69}}

// quiet are the ports of UDP protocols that are silent for about as long as the kernel keeps an
// unassured flow: SIP, STUN, IKE, IPsec over UDP, OpenVPN, WireGuard.
var quiet = map[uint16]bool{5060: true, 3478: true, 500: true, 4500: true, 1194: true, 51820: true}
