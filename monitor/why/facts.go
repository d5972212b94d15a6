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
)

// Facts are what is known about one packet to an address, and about its answers. Proto, To, Place
// and Locals are always needed. Without Packet only From, Waited, Forwards and Grown are used too.
type Facts struct {
	Proto  monitor.Proto
	To     netip.AddrPort // where the packet is sent; port 0: any
	From   netip.Addr     // its sender; not valid: any
	Waited time.Duration  // how long for the packet
	Place  doctor.Place   // where commands have to run

	Packet  *Packet       // nil: no packet arrived
	Flow    *monitor.Flow // of the packet, when the wait ended; nil: it is not in the table
	Answers []Packet      // of the flow, and ICMP errors about it
	Strays  []Packet      // packets from the target to the sender that belong to no flow, or to another

	Locals     *monitor.Locals
	Forwards   []Rule            // rules of prerouting that forward such packets, whatever their interface and sender
	There      Route             // to where the packet was delivered
	Back       Route             // from there to the sender
	Neighbour  string            // the target's state in the neighbour table; "": it is not there
	Others     int               // flows of other senders that the target answered
	Forwarding bool              // packets are routed between interfaces
	Entries    uint64            // in the table of flows
	Max        uint64            // nf_conntrack_max
	Grown      map[string]uint64 // by how much counters grew: conntrack(8)'s names, and ReversePath
}

// Packet is a traced packet.
type Packet struct {
	Proto          monitor.Proto
	Src, Dst       netip.AddrPort // as it arrived
	NewSrc, NewDst netip.AddrPort // as it was last seen
	In, Out        string         // interfaces; "": sent by this host, or delivered to it
	ICMP           uint16         // type<<8 | code
	RST            bool           // of TCP
	Zone           *Rule          // the rule that set its conntrack zone

	// How far it came: Tracked after conntrack's lookup, Routed at a hook after routing.
	Tracked, Routed bool

	Replied  bool  // its flow already had a reply
	AskedNAT bool  // it passed a nat chain of prerouting
	Dropped  *Rule // the rule that dropped it
	Queued   *Rule // the rule that queued it to a program (NFQUEUE)
	DNAT     *Rule // the rule that rewrote its destination
	Untracks *Rule // the rule that excluded it from connection tracking
}

// Rule is a rule or a policy of nf_tables.
type Rule struct {
	Chain  string // family, table and name
	Hook   string // of a base chain
	Handle uint64 // 0: a policy
	Text   string // as nft(8) prints it; "": not known

	To   netip.AddrPort // of Facts.Forwards: the new destination; without an address it is this host
	In   string         // of Facts.Forwards: the interface that it requires; "": any
	Zone uint16         // of Packet.Zone
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

// Works is Verdict.Name of a packet that was answered.
const Works = "works"

// target returns the address to which the packet is delivered, after DNAT.
func (f *Facts) target() netip.AddrPort {
	if f.Flow != nil {
		return AddrPort(f.Flow.DeliveredTo())
	}
	return f.Packet.NewDst
}

// sentAs returns the sender as the target sees it, after SNAT.
func (f *Facts) sentAs() netip.AddrPort {
	if f.Flow != nil {
		return AddrPort(f.Flow.SentAs())
	}
	return f.Packet.NewSrc
}

// AddrPort returns an end of a flow as a netip.AddrPort.
func AddrPort(e monitor.Endpoint) netip.AddrPort { return netip.AddrPortFrom(e.Addr.Netip(), e.Port) }

// forwarded reports whether the destination was rewritten.
func (f *Facts) forwarded() bool { return f.target() != f.Packet.Dst }

// Settled reports whether further waiting adds nothing: the packet or its answer was lost on
// this host, the packet was refused, or both sides continue. Packet must not be nil.
func (f *Facts) Settled() bool {
	if !f.Packet.Routed || f.Packet.Dropped != nil {
		return true
	}
	for i := range f.Answers {
		if a := &f.Answers[i]; a.RST || a.unreachable() || a.Dropped != nil || !a.Routed {
			return true
		}
	}
	return len(f.Answers) > 0 && f.replied()
}

// replied reports whether the TCP handshake is complete or, for another protocol, whether a
// packet came back.
func (f *Facts) replied() bool {
	if f.Flow == nil || f.Flow.Status&monitor.SeenReply == 0 || f.Packet.Replied && len(f.Answers) == 0 {
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
