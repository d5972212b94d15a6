//go:build linux

package trace

import (
	"github.com/google/nftables/expr"

	"natlens/monitor"
)

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
