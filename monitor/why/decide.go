//go:build linux

package why

import (
	"fmt"
	"net/netip"
	"time"

	"natlens/monitor"
	"natlens/monitor/trace"
)

// Decide returns the verdict of the first check that has one, with the evidence. It does not
// change f.
func Decide(f *Facts) Verdict {
	for _, check := range checks {
		if v := check(f); v != nil {
			v.Evidence = f.evidence()
			return *v
		}
	}
	panic("the last check always answers")
}

// checks return a verdict, or nil if they do not apply. They are in the order of a packet's path:
// to this host, to the target, and back. The last one always returns a verdict.
var checks = []func(*Facts) *Verdict{
	noPacket, dropped, untracked, conntrackDrop, unrouted, unconfirmed,
	works, stale, notMatched, noForward,
	answerDropped, answerLost, refused, unreachable,
	snatGone, stray, hairpin, noHost, otherWay, noWayBack, silent,
}

func verdict(name, remedy, format string, args ...any) *Verdict {
	return &Verdict{Name: name, Remedy: remedy, Sentence: fmt.Sprintf(format, args...)}
}

func noPacket(f *Facts) *Verdict {
	if f.Packet != nil {
		return nil
	}
	from, expr, end := "", fmt.Sprintf("%s and dst host %s", f.Proto, f.To.Addr()), ""
	if f.From.IsValid() {
		from = " from " + f.From.String()
	}
	if f.To.Port() != 0 {
		expr += fmt.Sprint(" and dst port ", f.To.Port())
	}
	if !f.has(f.To.Addr()) {
		end = fmt.Sprintf(", and %s is not an address of this host", f.To.Addr())
	}
	return verdict("no-packet", f.run("tcpdump -ni any '%s'", expr), "No %s packet%s to %s came in %s%s.",
		f.Proto, from, name(f.To), f.Waited.Round(time.Millisecond), end)
}

func dropped(f *Facts) *Verdict {
	r, to := f.Packet.Dropped(), f.Packet.Last.Dst
	if r == nil {
		return nil
	}
	remedy := f.accept(r, fmt.Sprintf("%s daddr %s %s", ip(to.Addr()), to.Addr(), port(f.Proto, to)))
	return verdict("dropped", remedy, "The packet is dropped%s by %s.", in(r), r)
}

func untracked(f *Facts) *Verdict {
	r := f.Packet.Step(func(s *trace.Step) bool { return s.Untracks })
	if r == nil {
		return nil
	}
	return verdict("untracked", f.run("nft delete rule %s handle %d", &r.Chain, r.Handle),
		"The packet is not tracked because of %s, so NAT never sees it.", r)
}

// conntrackDrop checks for a packet that is lost at conntrack's lookup.
func conntrackDrop(f *Facts) *Verdict {
	switch {
	case f.Packet.LookedUp():
		return nil
	case f.Max > 0 && (f.Entries*100 >= f.Max*95 || f.Grown["early_drop"] > 0):
		return verdict("table-full", f.Place.Setting("net.netfilter.nf_conntrack_max", 2*f.Max),
			"The table of flows is full (%d of %d), so conntrack drops the packet.", f.Entries, f.Max)
	}
	return verdict("conntrack-drop", f.Place.Natlens("doctor"), "conntrack drops the packet.")
}

// unrouted checks for a packet that is lost after prerouting.
func unrouted(f *Facts) *Verdict {
	to := f.Packet.Last.Dst.Addr()
	switch {
	case f.Packet.Routed():
		return nil
	case !f.Forwarding && !f.has(to):
		return verdict("not-forwarding", f.run("sysctl -w %s=1", Forwarding(to)),
			"This host does not forward packets between interfaces.")
	case f.There.Filter || to.Is4() && f.Grown[ReversePath] > 0:
		return f.reversePath(f.Packet, "The packet")
	case f.There.Missing:
		return verdict("no-route", f.run("ip route add %s via ROUTER", to), "This host has no route to %s.", to)
	}
	return verdict("lost", f.run("nstat -az 'Ip*'"), "No rule drops the packet, but it is lost in routing.")
}

// Forwarding returns the name of the sysctl that turns on forwarding for the family of an
// address.
func Forwarding(a netip.Addr) string {
	if a.Is6() {
		return "net.ipv6.conf.all.forwarding"
	}
	return "net.ipv4.ip_forward"
}

// ReversePath is the name in /proc/net/netstat of the counter of packets that rp_filter drops.
const ReversePath = "IPReversePathFilter"

func (f *Facts) reversePath(p *trace.Packet, what string) *Verdict {
	return verdict("rp-filter", f.run("sysctl -w net.ipv4.conf.%s.rp_filter=2", p.In),
		"%s is dropped by rp_filter of %s: the route to its sender %s uses another interface.",
		what, p.In, p.First.Src.Addr())
}

// unconfirmed checks for a packet that is lost before its flow is in the table.
func unconfirmed(f *Facts) *Verdict {
	if f.Flow != nil || len(f.Answers) > 0 {
		return nil
	}
	if r := f.Packet.Step(func(s *trace.Step) bool { return s.Verdict == "queue" }); r != nil {
		return verdict("lost", f.run("cat /proc/net/netfilter/nfnetlink_queue"),
			"The packet is given to a program by %s, and does not come back.", r)
	}
	return verdict("lost", f.run("iptables-legacy-save"),
		"No rule of nf_tables drops the packet, but its flow does not get into the table.")
}

func works(f *Facts) *Verdict {
	if !f.replied() || answerDropped(f) != nil {
		return nil
	}
	what := ""
	if f.forwarded() {
		what = " what is sent to " + name(f.Packet.First.Dst)
	}
	return verdict(Works, "", "It works: %s answers%s.", name(f.target()), what)
}

// stale checks for a flow that is older than the rule that forwards its packets.
func stale(f *Facts) *Verdict {
	p := f.Packet
	if p.Step(askedNAT) != nil || p.In == "" || len(f.Forwards) == 0 || f.Flow == nil || f.dnat() != nil {
		return nil
	}
	return verdict("stale", f.Place.Natlens("delete", fmt.Sprintf("id %d", f.Flow.ID)),
		"The packet still goes to %s: its flow is older than %s, and NAT rules see only the first packet of a flow.",
		name(f.target()), &f.Forwards[0].Step)
}

// askedNAT reports whether a step is in a nat chain of prerouting.
func askedNAT(s *trace.Step) bool { return s.Chain.Type == "nat" && s.Hook == "prerouting" }

func forwards(s *trace.Step) bool { return s.Forwards }

// dnat returns the rule that changed the destination: the rule in the trace, or, if the flow
// began before the trace, a rule that leads to the target. It is nil if no such rule is known.
func (f *Facts) dnat() *trace.Step {
	if r := f.Packet.Step(forwards); r != nil {
		return r
	}
	for i := range f.Forwards {
		if f.forwarded() && f.Forwards[i].To.Addr() == f.target().Addr() {
			return &f.Forwards[i].Step
		}
	}
	return nil
}

// notMatched checks for a rule that names the port and does not match.
func notMatched(f *Facts) *Verdict {
	if f.forwarded() || len(f.Forwards) == 0 {
		return nil
	}
	r := &f.Forwards[0]
	if f.Packet.In == "" {
		return verdict("not-matched", f.run("nft list chain %s nat output", ip(f.To.Addr())),
			"The packet is not forwarded: this host makes it, and %s is only for packets that come in.", &r.Step)
	}
	if r.In != "" && r.In != f.Packet.In {
		to := "dnat to " + name(r.To)
		if !r.To.Addr().IsValid() {
			to = fmt.Sprintf("redirect to :%d", r.To.Port())
		} else if r.Chain.Family == "inet" {
			to = fmt.Sprintf("dnat %s to %s", ip(r.To.Addr()), name(r.To))
		}
		text := fmt.Sprintf("iifname %q %s %s", f.Packet.In, port(f.Proto, f.To), to)
		return verdict("not-matched", f.run("nft insert rule %s %s", &r.Chain, monitor.ShellLine(text)),
			"The packet is not forwarded: it came in on %s, and %s is only for %s.", f.Packet.In, &r.Step, r.In)
	}
	return verdict("not-matched", f.run("nft -a list chain %s", &r.Chain),
		"The packet is not forwarded: it does not match %s.", &r.Step)
}

func noForward(f *Facts) *Verdict {
	to := f.Packet.First.Dst
	if f.forwarded() || !f.has(to.Addr()) {
		return nil
	}
	return verdict("no-forward",
		f.run("nft add rule %s nat prerouting %s dnat to TARGET", ip(to.Addr()), port(f.Proto, to)),
		"No rule forwards %s to another host, and this host does not answer.", name(to))
}

func answerDropped(f *Facts) *Verdict {
	for _, a := range f.Answers {
		if r := a.Dropped(); r != nil {
			return verdict("answer-dropped", f.accept(r, "ct state established,related"),
				"%s answers, but the answer is dropped%s by %s.", name(f.target()), in(r), r)
		}
	}
	return nil
}

// answerLost checks for an answer that is lost after prerouting.
func answerLost(f *Facts) *Verdict {
	for _, a := range f.Answers {
		switch {
		case a.Routed():
		case f.Back.Filter || f.To.Addr().Is4() && f.Grown[ReversePath] > 0:
			return f.reversePath(a, "The answer")
		default:
			return verdict("no-route-back", f.route(f.sender()),
				"%s answers, but this host has no route to %s.", name(f.target()), f.sender())
		}
	}
	return nil
}

func refused(f *Facts) *Verdict {
	for _, a := range f.Answers {
		what := "RST"
		if a.First.Proto.IsICMP() {
			what = "ICMP port unreachable"
		}
		if a.First.Flags&RST != 0 || closedPort(&a.First) && a.First.Src.Addr() == f.target().Addr() {
			return verdict("refused", f.on(f.target().Addr(), "ss -lntu"),
				"%s answers with %s: nothing listens there.", name(f.target()), what)
		}
	}
	return nil
}

// closedPort reports whether the packet is an ICMP or ICMPv6 error "port unreachable".
func closedPort(p *trace.Headers) bool {
	return p.Proto == monitor.ICMP && p.ICMP == 3<<8|3 || p.Proto == monitor.ICMPv6 && p.ICMP == 1<<8|4
}

// unreachableError reports whether the packet is an ICMP error that says that the target was not
// reached: time exceeded, or destination unreachable other than "fragmentation needed".
func unreachableError(p *trace.Packet) bool {
	switch kind := p.First.ICMP >> 8; p.First.Proto {
	case monitor.ICMP:
		return kind == 3 && p.First.ICMP != 3<<8|4 || kind == 11
	case monitor.ICMPv6:
		return kind == 1 || kind == 3
	}
	return false
}

func unreachable(f *Facts) *Verdict {
	for _, a := range f.Answers {
		switch {
		case !unreachableError(a):
		case a.In == "": // sent by this host
			return f.noNeighbour()
		default:
			return verdict("unreachable", f.on(a.First.Src.Addr(), "ip route get "+f.target().Addr().String()),
				"%s reports that %s is unreachable (ICMP type %d code %d).",
				a.First.Src.Addr(), name(f.target()), a.First.ICMP>>8, a.First.ICMP&0xff)
		}
	}
	return nil
}

func snatGone(f *Facts) *Verdict {
	as := f.sentAs().Addr()
	if as == f.sender() || f.has(as) || len(f.Answers) > 0 {
		return nil
	}
	return verdict("snat-gone", f.run("ip address add %s dev %s", as, f.There.Dev),
		"NAT changes the sender to %s, which is not an address of this host, so answers do not come here.", as)
}

// stray checks for an answer that conntrack does not assign to the flow.
func stray(f *Facts) *Verdict {
	if len(f.Strays) == 0 || len(f.Answers) > 0 {
		return nil
	}
	setsZone := func(s *trace.Step) bool { return s.Zone != nil }
	z, other := f.Packet.Step(setsZone), f.Strays[0].Step(setsZone)
	if zoneNumber(z) != zoneNumber(other) {
		remedy := f.Place.Natlens("trace", fmt.Sprintf("%s src %s", f.Proto, f.target().Addr()))
		if z != nil {
			remedy = f.run("nft 'add rule %s iifname %q ct zone set %d'", &z.Chain, f.Strays[0].In, zoneNumber(z))
		}
		return verdict("zone", remedy, "%s answers, but in another conntrack zone, so the answer does not belong to "+
			"the flow. The packet is in %s; the answer is in %s.", name(f.target()), zone(z), zone(other))
	}
	return verdict("answer-untracked", f.Place.Natlens("trace", fmt.Sprintf("%s src %s", f.Proto, f.target().Addr())),
		"%s answers, but conntrack does not find the flow, so NAT does not change the answer back.", name(f.target()))
}

func hairpin(f *Facts) *Verdict {
	source, target := f.sender(), f.target().Addr()
	network, ok := f.Locals.Network(monitor.AddrFrom(source), monitor.AddrFrom(target))
	if !ok || !f.forwarded() || f.sentAs().Addr() != source || len(f.Answers) > 0 || f.unresolved() {
		return nil
	}
	family := ip(target)
	return verdict("hairpin", f.run("nft add rule %s nat postrouting %[1]s saddr %[2]s %[1]s daddr %[3]s masquerade",
		family, network, target),
		"%s and %s are both in %s, so the answer does not come through this host, and the sender does not know it.",
		source, target, network)
}

// unresolved reports whether the next hop does not answer ARP or neighbour discovery.
func (f *Facts) unresolved() bool { return f.Neighbour == "FAILED" || f.Neighbour == "INCOMPLETE" }

func noHost(f *Facts) *Verdict {
	if !f.unresolved() || len(f.Answers) > 0 {
		return nil
	}
	return f.noNeighbour()
}

func (f *Facts) noNeighbour() *Verdict {
	hop, wrong := f.target().Addr(), "the address is wrong"
	if f.There.Via.IsValid() {
		hop = f.There.Via
	} else if r := f.dnat(); r != nil {
		wrong = fmt.Sprintf("the address in %s is wrong", r)
	}
	return verdict("no-host", f.run("ip neigh show %s dev %s", hop, f.There.Dev),
		"No host has the address %s on %s: it is off, or %s.", hop, f.There.Dev, wrong)
}

// otherWay checks for an answer that left this host, while the sender does not continue.
func otherWay(f *Facts) *Verdict {
	if len(f.Answers) == 0 {
		return nil
	}
	if a := f.Answers[0]; a.Out != "" && a.Out != f.Packet.In {
		return verdict("other-way", f.route(f.sender()),
			"The answer goes another way: the packet came in on %s, and the answer leaves by %s.", f.Packet.In, a.Out)
	}
	return verdict("unfinished", f.on(f.sender(), fmt.Sprintf("tcpdump -ni any 'src host %s'", f.To.Addr())),
		"%s answers, and the answer leaves by %s, but %s does not complete the handshake.",
		name(f.target()), f.Answers[0].Out, f.sender())
}

// noWayBack checks for a target that answers only other senders.
func noWayBack(f *Facts) *Verdict {
	if f.Others == 0 {
		return nil
	}
	return verdict("no-way-back", f.routeThere(),
		"%s answers others, but not %s: it has no route there or another one, or a firewall.",
		name(f.target()), f.sentAs().Addr())
}

func silent(f *Facts) *Verdict {
	return verdict("silent", f.routeThere(),
		"The packet is delivered to %s, but no answer comes: nothing answers there, a firewall drops it, "+
			"or the answer does not come through this host.", name(f.target()))
}
