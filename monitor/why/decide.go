package why

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"natlens/monitor"
)

// Decide returns the verdict. The first check that answers decides.
func Decide(f *Facts) Verdict {
	for _, check := range checks {
		if v := check(f); v != nil {
			v.Evidence = f.evidence()
			return *v
		}
	}
	panic("the last check answers always")
}

// checks are in the order of a packet's way: out, to the target, back.
var checks = []func(*Facts) *Verdict{
	noPacket, dropped, untracked, tableFull, conntrackDrop, refusedSource, unrouted,
	works, stale, notMatched, noForward,
	answerDropped, answerLost, refused, unreachable,
	snatGone, stray, hairpin, noHost, otherWay, noWayBack, silent,
}

func noPacket(f *Facts) *Verdict {
	if f.Packet != nil {
		return nil
	}
	from := ""
	if f.From.IsValid() {
		from = " from " + f.From.String()
	}
	text := fmt.Sprintf("No %s packet%s to %s came in %s", f.Proto, from, name(f.To), f.Waited.Round(time.Millisecond))
	expr := fmt.Sprintf("%s and dst host %s", f.Proto, f.To.Addr())
	if f.To.Port() != 0 {
		expr += fmt.Sprint(" and dst port ", f.To.Port())
	}
	if !f.Locals.Has(monitor.AddrFrom(f.To.Addr())) {
		text += fmt.Sprintf(", and this host does not have the address %s", f.To.Addr())
	}
	return &Verdict{Name: "no-packet", Sentence: text + ".", Remedy: f.run("tcpdump -ni any '%s'", expr)}
}

func dropped(f *Facts) *Verdict {
	r := f.Packet.Dropped
	if r == nil {
		return nil
	}
	return &Verdict{
		Name: "dropped", Sentence: fmt.Sprintf("The packet is dropped%s by %s.", in(r), r),
		Remedy: f.accept(r, fmt.Sprintf("ip%s daddr %s %s", six(f.Packet.NewDst), f.Packet.NewDst.Addr(),
			port(f.Proto, "dport", f.Packet.NewDst))),
	}
}

func untracked(f *Facts) *Verdict {
	r := f.Packet.Untracks
	if r == nil {
		return nil
	}
	return &Verdict{
		Name: "untracked", Sentence: fmt.Sprintf("The packet is not tracked, so NAT never sees it: %s.", r),
		Remedy: f.run("nft delete rule %s handle %d", r.Chain, r.Handle),
	}
}

func tableFull(f *Facts) *Verdict {
	if f.Packet.Tracked || f.Max == 0 || f.Entries*100 < f.Max*95 && f.Grown["early_drop"] == 0 {
		return nil
	}
	return &Verdict{
		Name: "table-full",
		Sentence: fmt.Sprintf("The table of flows is full (%d of %d): conntrack drops the packet before any rule but "+
			"those of raw sees it.", f.Entries, f.Max),
		Remedy: f.Place.Setting("net.netfilter.nf_conntrack_max", 2*f.Max),
	}
}

func conntrackDrop(f *Facts) *Verdict {
	if f.Packet.Tracked {
		return nil
	}
	return &Verdict{Name: "conntrack-drop", Sentence: "conntrack itself drops the packet.",
		Remedy: f.Place.Natlens("doctor")}
}

// refusedSource is rp_filter, on the packet.
func refusedSource(f *Facts) *Verdict {
	if f.Packet.Routed || f.Grown[ReversePath] == 0 && !f.There.Filter {
		return nil
	}
	return f.reversePath(f.Packet, "The packet")
}

// ReversePath is the kernel's counter of packets that rp_filter drops.
const ReversePath = "IPReversePathFilter"

func (f *Facts) reversePath(p *Packet, what string) *Verdict {
	return &Verdict{
		Name: "rp-filter",
		Sentence: fmt.Sprintf("%s is dropped by rp_filter of %s: the route to its sender %s does not use that interface.",
			what, p.In, p.Src.Addr()),
		Remedy: f.run("sysctl -w net.ipv4.conf.%s.rp_filter=2", p.In),
	}
}

func unrouted(f *Facts) *Verdict {
	p := f.Packet
	switch {
	case p.Routed:
		return nil
	case !f.Forwarding && !f.Locals.Has(monitor.AddrFrom(p.NewDst.Addr())):
		return &Verdict{
			Name: "not-forwarding", Sentence: "This host does not forward packets between interfaces.",
			Remedy: f.run("sysctl -w %s=1", forwardingName(p.NewDst.Addr())),
		}
	case f.There.Missing:
		return &Verdict{
			Name: "no-route", Sentence: fmt.Sprintf("This host has no route to %s.", p.NewDst.Addr()),
			Remedy: f.run("ip route add %s via ROUTER", p.NewDst.Addr()),
		}
	}
	return &Verdict{Name: "lost", Sentence: "The packet is lost in routing, after prerouting; no rule dropped it.",
		Remedy: f.run("nstat -az 'Ip*'")}
}

func forwardingName(a netip.Addr) string {
	if a.Is6() {
		return "net.ipv6.conf.all.forwarding"
	}
	return "net.ipv4.ip_forward"
}

func works(f *Facts) *Verdict {
	if !f.replied() {
		return nil
	}
	for i := range f.Answers {
		if f.Answers[i].Dropped != nil {
			return nil
		}
	}
	text := fmt.Sprintf("It works: %s answers", name(f.target()))
	if f.forwarded() {
		text += fmt.Sprintf(" what is sent to %s", name(f.Packet.Dst))
	}
	return &Verdict{Name: Works, Sentence: text + "."}
}

// stale is a flow that is older than the rule: it is not asked for packets of the flow.
func stale(f *Facts) *Verdict {
	if f.Packet.AskedNAT || len(f.Forwards) == 0 || f.Packet.In == "" {
		return nil
	}
	target := f.target().Addr().String()
	for i := range f.Forwards {
		if f.forwarded() && strings.Contains(f.Forwards[i].Text, target) {
			return nil
		}
	}
	return &Verdict{
		Name: "stale",
		Sentence: fmt.Sprintf("The packet belongs to a flow that began before %s: NAT rules see only the first packet of "+
			"a flow. It is still delivered to %s.", &f.Forwards[0], name(f.target())),
		Remedy: f.Place.Natlens("delete", fmt.Sprintf("id %d", f.Packet.FlowID)),
	}
}

var interfaceName = regexp.MustCompile(`iif(?:name)? "([^"]*)"`)

// notMatched is a rule for the port that does not match.
func notMatched(f *Facts) *Verdict {
	if f.forwarded() || len(f.Forwards) == 0 {
		return nil
	}
	r := &f.Forwards[0]
	v := &Verdict{Name: "not-matched", Sentence: fmt.Sprintf("The packet is not forwarded: it does not match %s.", r),
		Remedy: f.run("nft -a list chain %s", r.Chain)}
	if m := interfaceName.FindStringSubmatch(r.Text); m != nil && m[1] != f.Packet.In {
		v.Sentence = fmt.Sprintf("The packet is not forwarded: it came in on %s, and %s is only for %s.", f.Packet.In, r, m[1])
		text := strings.Replace(r.Text, m[0], fmt.Sprintf("iifname %q", f.Packet.In), 1)
		v.Remedy = f.run("nft insert rule %s %s", r.Chain, monitor.ShellLine(text))
	}
	return v
}

func noForward(f *Facts) *Verdict {
	if f.forwarded() || f.Packet.In == "" || !f.Locals.Has(monitor.AddrFrom(f.Packet.Dst.Addr())) {
		return nil
	}
	return &Verdict{
		Name: "no-forward",
		Sentence: fmt.Sprintf("No rule forwards %s to another host, and this host does not answer there.",
			name(f.Packet.Dst)),
		Remedy: f.run("nft add rule ip nat prerouting %s dnat to TARGET", port(f.Proto, "dport", f.Packet.Dst)),
	}
}

func answerDropped(f *Facts) *Verdict {
	for i := range f.Answers {
		if r := f.Answers[i].Dropped; r != nil {
			return &Verdict{
				Name: "answer-dropped", Sentence: fmt.Sprintf("%s answers, but the answer is dropped%s by %s.",
					name(f.target()), in(r), r),
				Remedy: f.accept(r, "ct state established,related"),
			}
		}
	}
	return nil
}

func answerLost(f *Facts) *Verdict {
	for i := range f.Answers {
		switch a := &f.Answers[i]; {
		case a.Routed:
			continue
		case f.Grown[ReversePath] > 0:
			return f.reversePath(a, "The answer")
		default:
			return &Verdict{
				Name: "no-route-back", Sentence: fmt.Sprintf("%s answers, but this host has no route to %s.",
					name(f.target()), a.NewDst.Addr()),
				Remedy: f.route(a.NewDst.Addr(), f.Packet.In),
			}
		}
	}
	return nil
}

func refused(f *Facts) *Verdict {
	for i := range f.Answers {
		if a := &f.Answers[i]; a.RST || a.closedPort() && a.Src.Addr() == f.target().Addr() {
			what := "RST"
			if !a.RST {
				what = "ICMP port unreachable"
			}
			return &Verdict{
				Name: "refused", Sentence: fmt.Sprintf("%s refuses with %s: nothing listens there.", name(f.target()), what),
				Remedy: f.on(f.target().Addr(), "ss -lntu"),
			}
		}
	}
	return nil
}

// closedPort reports whether the packet is ICMP's port unreachable.
func (p *Packet) closedPort() bool {
	return p.Proto == monitor.ICMP && p.ICMP == 3<<8|3 || p.Proto == monitor.ICMPv6 && p.ICMP == 1<<8|4
}

func unreachable(f *Facts) *Verdict {
	for i := range f.Answers {
		a := &f.Answers[i]
		if !a.Proto.IsICMP() {
			continue
		}
		if a.In == "" { // made here
			return f.noNeighbour()
		}
		return &Verdict{
			Name: "unreachable", Sentence: fmt.Sprintf("%s reports that %s can't be reached (ICMP type %d code %d).",
				a.Src.Addr(), name(f.target()), a.ICMP>>8, a.ICMP&0xff),
			Remedy: f.on(a.Src.Addr(), "ip route get "+f.target().Addr().String()),
		}
	}
	return nil
}

func snatGone(f *Facts) *Verdict {
	as := f.sentAs()
	if as.Addr() == f.Packet.Src.Addr() || f.Locals.Has(monitor.AddrFrom(as.Addr())) || len(f.Answers) > 0 {
		return nil
	}
	return &Verdict{
		Name: "snat-gone",
		Sentence: fmt.Sprintf("NAT changes the sender to %s, which this host does not have: answers do not come here.",
			as.Addr()),
		Remedy: f.run("ip address add %s dev %s", as.Addr(), f.There.Dev),
	}
}

// stray is an answer that conntrack does not find the flow of.
func stray(f *Facts) *Verdict {
	if len(f.Strays) == 0 || len(f.Answers) > 0 {
		return nil
	}
	s := &f.Strays[0]
	zone, back := cmp.Or(f.Packet.Zone, "no zone"), cmp.Or(s.Zone, "no zone")
	if zone != back {
		return &Verdict{
			Name: "zone",
			Sentence: fmt.Sprintf("%s answers, but in another conntrack zone, so the answer is not found to belong to the "+
				"flow: %s for the packet, %s for the answer.", name(f.target()), zone, back),
			Remedy: f.zoneRule(s),
		}
	}
	return &Verdict{
		Name: "answer-untracked",
		Sentence: fmt.Sprintf("%s answers, but conntrack does not find the flow of the answer, so its addresses are not "+
			"changed back.", name(f.target())),
		Remedy: f.Place.Natlens("trace", fmt.Sprintf("%s src %s", f.Proto, f.target().Addr())),
	}
}

// zoneRule gives the answers the zone of the flow.
func (f *Facts) zoneRule(s *Packet) string {
	if f.Flow == nil {
		return ""
	}
	return f.run("nft 'add table inet zones; add chain inet zones prerouting { type filter hook prerouting priority -299; }; "+
		"add rule inet zones prerouting iifname %q ct zone set %d'", s.In, cmp.Or(f.Flow.Zone, f.Flow.Orig.Zone))
}

func hairpin(f *Facts) *Verdict {
	source, target := f.Packet.Src.Addr(), f.target().Addr()
	network, ok := f.Locals.Network(monitor.AddrFrom(source), monitor.AddrFrom(target))
	if !ok || !f.forwarded() || f.sentAs().Addr() != source || len(f.Answers) > 0 || f.unresolved() {
		return nil
	}
	return &Verdict{
		Name: "hairpin",
		Sentence: fmt.Sprintf("%s and %s are both in %s: the answer goes there directly, past this host, and the client "+
			"does not know its sender.", source, target, network),
		Remedy: f.run("nft add rule ip nat postrouting ip saddr %s ip daddr %s masquerade", network, target),
	}
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
	hop := f.target().Addr()
	if f.There.Via.IsValid() {
		hop = f.There.Via
	}
	text := fmt.Sprintf("No host answers for %s on %s: it is off, or", hop, f.There.Dev)
	if r := f.Packet.DNAT; r != nil && hop == f.target().Addr() {
		text += fmt.Sprintf(" the address in %s is wrong", r)
	} else {
		text += " the address is wrong"
	}
	return &Verdict{Name: "no-host", Sentence: text + ".", Remedy: f.run("ip neigh show %s dev %s", hop, f.There.Dev)}
}

// otherWay is an answer that left, and that the sender did not take.
func otherWay(f *Facts) *Verdict {
	if len(f.Answers) == 0 {
		return nil
	}
	if a := &f.Answers[0]; a.Out != "" && a.Out != f.Packet.In {
		return &Verdict{
			Name: "other-way", Sentence: fmt.Sprintf("The answer goes another way: the packet came in on %s, and the answer "+
				"leaves by %s.", f.Packet.In, a.Out),
			Remedy: f.route(f.Packet.Src.Addr(), f.Packet.In),
		}
	}
	return &Verdict{
		Name: "unfinished", Sentence: fmt.Sprintf("%s answers and the answer leaves by %s, but %s does not go on.",
			name(f.target()), f.Answers[0].Out, f.Packet.Src.Addr()),
		Remedy: f.on(f.Packet.Src.Addr(), fmt.Sprintf("tcpdump -ni any 'src host %s'", f.Packet.Dst.Addr())),
	}
}

// noWayBack is a target that answers others.
func noWayBack(f *Facts) *Verdict {
	if f.Others == 0 {
		return nil
	}
	return &Verdict{
		Name: "no-way-back",
		Sentence: fmt.Sprintf("%s answers others, but not %s: its route there is missing or does not go through this "+
			"host, or it has a firewall.", name(f.target()), f.sentAs().Addr()),
		Remedy: f.on(f.target().Addr(), "ip route get "+f.sentAs().Addr().String()),
	}
}

func silent(f *Facts) *Verdict {
	return &Verdict{
		Name: "silent",
		Sentence: fmt.Sprintf("The packet is delivered to %s, and no answer comes: the host drops it, or its route to %s "+
			"is missing or does not go through this host.", name(f.target()), f.sentAs().Addr()),
		Remedy: f.on(f.target().Addr(), "ip route get "+f.sentAs().Addr().String()),
	}
}
