//go:build linux

package why

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/trace"
)

// in returns " in " and the hook of a rule, or "" if the hook is not known.
func in(r *trace.Step) string {
	if r.Hook == "" {
		return ""
	}
	return " in " + strings.ToUpper(r.Hook)
}

// name formats an address; a port of 0 is left out.
func name(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// ip returns nft's word for the family of an address.
func ip(a netip.Addr) string {
	if a.Is6() {
		return "ip6"
	}
	return "ip"
}

// port returns nft's expression that matches a protocol and the destination port.
func port(p monitor.Proto, a netip.AddrPort) string {
	if a.Port() == 0 {
		return "meta l4proto " + p.String()
	}
	return fmt.Sprintf("%s dport %d", p, a.Port())
}

// run returns a command to run in the network namespace.
func (f *Facts) run(format string, args ...any) string {
	return f.Place.Enter() + fmt.Sprintf(format, args...)
}

// on returns a command for the host that has an address, with "on ADDRESS: " before it unless
// that is this host.
func (f *Facts) on(host netip.Addr, command string) string {
	if f.has(host) {
		return f.run("%s", command)
	}
	return fmt.Sprintf("on %s: %s", host, command)
}

func (f *Facts) has(a netip.Addr) bool { return f.Locals.Has(monitor.AddrFrom(a)) }

// routeThere returns the command that shows how the target reaches the sender.
func (f *Facts) routeThere() string {
	return f.on(f.target().Addr(), "ip route get "+f.sentAs().Addr().String())
}

// accept returns the command that adds a rule which accepts what match selects, before the rule
// or policy r that drops it.
func (f *Facts) accept(r *trace.Step, match string) string {
	if r.Kind == trace.Policy {
		return f.run("nft add rule %s %s accept", &r.Chain, match)
	}
	return f.run("nft insert rule %s handle %d %s accept", &r.Chain, r.Handle, match)
}

// route returns the command that adds a route to the sender over the interface on which its
// packet arrived.
func (f *Facts) route(to netip.Addr) string {
	dev := f.Packet.In
	if _, near := f.Locals.Network(monitor.AddrFrom(to), monitor.AddrFrom(f.To.Addr())); near {
		return f.run("ip route replace %s dev %s", to, dev)
	}
	return f.run("ip route replace %s via ROUTER dev %s", to, dev)
}

// evidence lists what was seen, in the order of the packet's path.
func (f *Facts) evidence() []string {
	all := []string{}
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if f.Packet != nil {
		f.way(say)
	}
	for i := range f.Forwards {
		say("forward: %s", &f.Forwards[i].Step)
	}
	for _, counter := range slices.Sorted(maps.Keys(f.Grown)) {
		if n := f.Grown[counter]; n > 0 {
			say("counter %s: +%d", counter, n)
		}
	}
	return all
}

// way lists what was seen of the packet and its answers.
func (f *Facts) way(say func(format string, args ...any)) {
	p := f.Packet
	from := "from this host"
	if p.In != "" {
		from = "in on " + p.In
	}
	say("packet: %s %s → %s, %s%s", p.First.Proto, name(p.First.Src), name(p.First.Dst), from, end(p))
	if r := p.Step(forwards); r != nil {
		say("destination now %s, by %s", name(f.target()), r)
	} else if f.forwarded() {
		say("destination now %s", name(f.target()))
	}
	if as := f.sentAs(); as != p.First.Src {
		say("source now %s", name(as))
	}
	if f.Flow != nil {
		text := fmt.Sprintf("flow %d: %s", f.Flow.ID, strings.Join(f.Flow.Status.Names(), " "))
		if state := f.Flow.State.Name(f.Proto); state != "" {
			text += ", " + state
		}
		say("%s", text)
	}
	if p.Routed() {
		say("route to %s: %s", f.target().Addr(), &f.There)
		say("route back to %s: %s", p.First.Src.Addr(), &f.Back)
	}
	if f.Neighbour != "" {
		say("neighbour %s: %s", f.target().Addr(), f.Neighbour)
	}
	for _, a := range f.Answers {
		say("answer: %s%s", what(a), end(a))
	}
	for _, s := range f.Strays {
		say("not of the flow: %s%s", what(s), end(s))
	}
	if f.Others > 0 {
		say("%s answered %s", name(f.target()), human.Plural(f.Others, "other flow"))
	}
}

// what describes the packet and where it came from.
func what(p *trace.Packet) string {
	h := &p.First
	text := fmt.Sprintf("%s %s → %s", h.Proto, name(h.Src), name(h.Dst))
	if h.Flags&RST != 0 {
		text += " RST"
	}
	if h.Proto.IsICMP() {
		text += fmt.Sprintf(" type %d code %d", h.ICMP>>8, h.ICMP&0xff)
	}
	if p.In != "" {
		text += ", in on " + p.In
	}
	return text
}

// end describes how far the packet came.
func end(p *trace.Packet) string {
	switch {
	case p.Dropped() != nil:
		return ", dropped"
	case !p.LookedUp():
		return ", lost at conntrack's lookup"
	case !p.Routed():
		return ", lost in routing"
	case p.Out != "":
		return ", out by " + p.Out
	}
	return ", delivered here"
}

// String formats a route as ip(8) does.
func (r *Route) String() string {
	switch {
	case r.Filter:
		return "refused by rp_filter"
	case r.Missing:
		return "none"
	case r.Via.IsValid():
		return fmt.Sprintf("via %s dev %s", r.Via, r.Dev)
	}
	return "dev " + r.Dev
}

// zone describes the zone that a rule sets, and the rule. The rule may be nil.
func zone(r *trace.Step) string {
	if r == nil {
		return "the default zone"
	}
	return fmt.Sprintf("zone %d, by %s", *r.Zone, r)
}

func zoneNumber(r *trace.Step) uint16 {
	if r == nil {
		return 0
	}
	return *r.Zone
}
