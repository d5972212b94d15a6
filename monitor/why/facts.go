//go:build linux

// Package why finds out why packets to a published address are not answered: a port
// forward that does not work. [Decide] takes the facts about one packet and returns a
// verdict: a sentence, the command that fixes the problem, and the evidence.
//
// The package reads nothing from the system: the caller collects the facts.
package why

import (
	"net/netip"
	"time"

	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/trace"
)

// Facts are what is known about one packet to an address, and about its answers. Proto, To, Place
// and Locals are always needed. Without Packet only From, Waited, Forwards and Grown are used too.
type Facts struct {
	Proto  monitor.Proto
	To     netip.AddrPort // where the packet is sent; port 0: any
	From   netip.Addr     // its sender; not valid: any
	Waited time.Duration  // how long for the packet
	Place  doctor.Place   // where commands have to run

	Packet  *trace.Packet   // nil: no packet arrived
	Flow    *monitor.Flow   // of the packet, when the wait ended; nil: it is not in the table
	Answers []*trace.Packet // of the flow, and ICMP errors about it
	Strays  []*trace.Packet // packets from the target to the sender that belong to no flow, or to another

	Locals     *monitor.Locals
	Forwards   []trace.Forward   // rules of prerouting that forward such packets, whatever their interface and sender
	There      Route             // to where the packet was delivered
	Back       Route             // from there to the sender
	Neighbour  string            // the target's state in the neighbour table; "": it is not there
	Others     int               // flows of other senders that the target answered
	Forwarding bool              // packets are routed between interfaces
	Entries    uint64            // in the table of flows
	Max        uint64            // nf_conntrack_max
	Grown      map[string]uint64 // by how much counters grew: conntrack(8)'s names, and ReversePath
}

// Route is the result of a route lookup.
type Route struct {
	Dev     string
	Via     netip.Addr
	Missing bool // there is no route
	Filter  bool // rp_filter drops the packet
}

// Verdict is why the packet is not answered, or that it is.
type Verdict struct {
	Name     string   `json:"verdict"` // one of docs/why.md
	Sentence string   `json:"sentence"`
	Remedy   string   `json:"remedy,omitempty"` // a command; for another host with "on ADDRESS: "
	Evidence []string `json:"evidence"`
}

// RST is the flag of TCP in trace.Headers.Flags.
const RST = 1 << 2

// Works is Verdict.Name of a packet that was answered.
const Works = "works"

// target returns the address to which the packet is delivered, after DNAT.
func (f *Facts) target() netip.AddrPort {
	if f.Flow != nil {
		return AddrPort(f.Flow.DeliveredTo())
	}
	return f.Packet.Last.Dst
}

func (f *Facts) sender() netip.Addr { return f.Packet.First.Src.Addr() }

// sentAs returns the sender as the target sees it, after SNAT.
func (f *Facts) sentAs() netip.AddrPort {
	if f.Flow != nil {
		return AddrPort(f.Flow.SentAs())
	}
	return f.Packet.Last.Src
}

// AddrPort returns an end of a flow as a netip.AddrPort.
func AddrPort(e monitor.Endpoint) netip.AddrPort { return netip.AddrPortFrom(e.Addr.Netip(), e.Port) }

// forwarded reports whether the destination was rewritten.
func (f *Facts) forwarded() bool { return f.target() != f.Packet.First.Dst }

// Settled reports whether further waiting adds nothing: the packet or its answer was lost on
// this host, the packet was refused, or both sides continue. Packet must not be nil.
func (f *Facts) Settled() bool {
	if !f.Packet.Routed() || f.Packet.Dropped() != nil {
		return true
	}
	for _, a := range f.Answers {
		if a.First.Flags&RST != 0 || unreachableError(a) || a.Dropped() != nil || !a.Routed() {
			return true
		}
	}
	return len(f.Answers) > 0 && f.replied()
}

// replied reports whether the TCP handshake is complete or, for another protocol, whether a
// packet came back.
func (f *Facts) replied() bool {
	before := f.Packet.Flow.Status&monitor.SeenReply != 0
	if f.Flow == nil || f.Flow.Status&monitor.SeenReply == 0 || before && len(f.Answers) == 0 {
		return false
	}
	if f.Proto != monitor.TCP {
		return true
	}
	switch f.Flow.State {
	case monitor.TCPNone, monitor.TCPSynSent, monitor.TCPSynSent2, monitor.TCPSynRecv:
		return false
	case monitor.TCPClose: // after a RST, also of a connection that was never established
		return f.Flow.Status&monitor.Assured != 0
	}
	return true
}
