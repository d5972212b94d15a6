//go:build linux

package trace

import (
	"maps"
	"math"
	"slices"

	"github.com/google/nftables/expr"

	"natlens/monitor"
)

// Priorities (enum nf_ip_hook_priorities). The kernel asks all chains of type nat there, whatever
// priority they have.
const (
	lookupPriority = -200
	dnatPriority   = -100
	snatPriority   = 100
)

// Decisions returns the rules that decided about the first packet of a flow in the table, in the
// order of its path, as Packet.Decisions does for a traced packet. It evaluates the rules as they
// are now for what the flow shows of that packet, and the interfaces of its routes.
func (rs *Rules) Decisions(w *monitor.Walk) (all []monitor.Decision) {
	p := firstOf(w)
	for i := range w.Original.Steps {
		e := &evaluation{rules: rs, walk: w, step: &w.Original.Steps[i], packet: p}
		p.in, p.out = e.devices()
		chains := rs.baseChains(e.step.Hook, p.family)
		p.tracked = i > 0
		if !p.tracked {
			rs.forget(p, chains)
		}
		at, bits := dnatPriority, monitor.DstNAT
		if e.step.Hook == monitor.Input || e.step.Hook == monitor.Postrouting {
			at, bits = snatPriority, monitor.SrcNAT
		}
		nat := slices.DeleteFunc(slices.Clone(chains), func(c Chain) bool { return c.Type != "nat" })
		translated := e.step.Hook == monitor.Forward
		for _, c := range append(chains, Chain{Type: "nat", Prio: math.MaxInt}) {
			if c.Prio >= lookupPriority && !p.tracked {
				p.tracked = true
				p.address(p.src, p.dst)
			}
			if c.Prio > at && !translated {
				translated = true
				e.nats(nat)
				if p.address(e.step.Src, e.step.Dst); e.step.Rewrite != nil {
					p.status |= w.Flow.Status & bits
				}
			}
			if c.Type != "nat" {
				e.filter(c)
			}
		}
		all = append(all, e.found...)
	}
	return all
}

// forget makes the bytes unknown that a rule before conntrack's lookup may have overwritten.
func (rs *Rules) forget(p *firstPacket, chains []Chain) {
	if len(chains) == 0 || chains[0].Prio >= lookupPriority {
		return
	}
	for r := range maps.Values(rs.rules) {
		if r == nil || r.chain.Hook != "" && r.chain.Prio >= lookupPriority {
			continue
		}
		for _, x := range r.exprs {
			if x, ok := x.(*expr.Payload); ok && x.DestRegister == 0 {
				at := p.header(x)
				copy(at, unknown(len(at)))
			}
		}
	}
}

// filter evaluates a base chain that is not of type nat. If its rules drop the packet, the
// evaluation is repeated with the conditions that are unlikely to match.
func (e *evaluation) filter(c Chain) {
	before, found := *e.packet, len(e.found)
	end := next
	for _, e.least = range []answer{maybe, unlikely} {
		*e.packet, e.found = before, e.found[:found]
		e.doubt, e.drops, e.visited = false, nil, map[string]answer{}
		if end = e.chain(c.String(), yes); e.drops == nil && (end == stop || c.policy != verdictDrop) || !e.doubt {
			break
		}
	}
	certainty := monitor.Exact
	if e.doubt {
		certainty = monitor.Probable
	}
	const contradicts = ", but the flow is in the table: it is older, or something else made it"
	s := Step{Chain: c, Kind: Policy, Verdict: verdictName(int32(c.policy))}
	if e.drops != nil {
		s = e.drops.step()
	} else if end == stop || !s.decides() {
		return
	}
	d := e.decision(certainty, s)
	if e.drops != nil || c.policy == verdictDrop {
		d.Text += contradicts
	}
	e.found = append(e.found, d)
}

// nats evaluates the chains of type nat, if the packet passes them, until a rule makes the
// rewrite of the hook.
func (e *evaluation) nats(chains []Chain) {
	if !e.step.NATTable || e.walk.NAT.NoBits || e.walk.Flow.Status.Has(monitor.Expected) {
		return
	}
	e.rewrite = e.step.Rewrite
	found := len(e.found)
	for _, e.least = range []answer{maybe, unlikely} {
		e.found, e.doubt = e.found[:found], false
		for _, c := range chains {
			e.visited = map[string]answer{}
			if e.chain(c.String(), yes); e.nat {
				return
			}
		}
		if e.rewrite == nil {
			return
		}
	}
	e.found = e.found[:found]
	text := "no rule of the nat chains gives this result now"
	if len(e.rules.legacy) > 0 {
		text = "no rule of nf_tables gives this result; iptables-legacy has tables too, which natlens cannot read"
	}
	e.found = append(e.found, monitor.Decision{Hook: e.step.Hook, Text: text, Certainty: monitor.Probable})
}

// devices returns the interfaces by which the packet came and leaves, as a chain of the hook sees
// them: those of the routes to its ends.
func (e *evaluation) devices() (in, out device) {
	hook, w := e.step.Hook, e.walk
	in, out = noDevice, noDevice
	if hook != monitor.Output && (w.Original.In || w.Path == monitor.PathLoop && hook != monitor.Postrouting) {
		in = e.rules.route(w.Flow.Orig.Src.Netip()).device
	}
	if hook != monitor.Prerouting && hook != monitor.Input {
		out = e.rules.route(e.packet.dst.Addr.Netip()).device
	}
	return in, out
}

// evaluation evaluates the rules of base chains for a flow's first packet. What the rules do
// must agree with the flow, which is in the table: no rule dropped its packet, and NAT gave it
// its addresses. So where a condition compares what is not known, the rule matches if that agrees.
type evaluation struct {
	rules   *Rules
	walk    *monitor.Walk
	step    *monitor.Step
	packet  *firstPacket
	rewrite *monitor.Rewrite // what the nat chains must do; nil: nothing, or no nat chain
	least   answer           // a condition below it does not match
	doubt   bool             // a rule that did not match may have decided
	visited map[string]answer
	found   []monitor.Decision
	drops   *rule                              // drops the packet for certain, although the flow is in the table
	nat     bool                               // a rule did the rewrite
	collect func(*rule, *expr.NAT, *registers) // if not nil: is called for each NAT statement that may apply
	agrees  bool                               // what the rule wrote before conntrack's lookup is what the flow has
}

// ending is where evaluation continues after a rule or chain.
type ending uint8

const (
	next  ending = iota // at the next rule
	leave               // after the rule that jumped to this chain
	stop                // nowhere: the base chain ends
)

// skip leaves a rule whose condition does not match, or is not likely to.
func (e *evaluation) skip(r *rule, m answer) ending {
	if m != no && !r.drops() {
		e.doubt = true
	}
	return next
}

// name adds a rule to the decisions.
func (e *evaluation) name(r *rule, sure answer) {
	certainty := monitor.Probable
	if sure == yes && !e.doubt {
		certainty = monitor.Exact
	}
	e.found = append(e.found, e.decision(certainty, r.step()))
}

func (e *evaluation) decision(c monitor.Certainty, s Step) monitor.Decision {
	return monitor.Decision{Hook: e.step.Hook, Certainty: c, Text: c.String() + " " + s.name()}
}
