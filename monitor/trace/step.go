//go:build linux

package trace

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/nftables/expr"
)

// Step is a rule that a packet matched, or the end of a chain that it reached.
type Step struct {
	Chain   Chain
	Hook    string // of the base chain, also for a chain that a rule jumped to
	Kind    Kind
	Handle  uint64  // of the rule
	Text    string  // of the rule as nft(8) prints it; "": nft could not be run
	Comment string  // of the rule
	Verdict string  // accept, drop, continue, jump, goto, return, queue, stolen
	Target  string  // chain of a jump or goto
	Headers Headers // of the packet
	Rewrote bool    // its addresses differ from the previous step: changed by NAT, or if Sets by this rule

	// Sets means that the rule has a statement that changes the packet or its metadata at once, or
	// excludes it from conntrack. NAT changes the packet only after the chain.
	Sets     bool
	Forwards bool    // the rule rewrites the destination
	Untracks bool    // the rule excludes the packet from conntrack
	Zone     *uint16 // the rule sets this conntrack zone; nil: none, or one that depends on the packet
}

// step returns a step that names the rule.
func (r *rule) step() Step {
	s := Step{
		Chain: r.chain, Hook: r.chain.Hook, Kind: Rule, Handle: r.handle, Text: r.text, Comment: r.comment,
		Sets: r.sets(), Forwards: slices.ContainsFunc(r.exprs, forwards),
	}
	regs := registers{}.unknown()
	for _, x := range r.exprs {
		switch x := x.(type) {
		case *expr.Immediate:
			regs.load(x.Register, known(x.Data))
		case *expr.Notrack:
			s.Untracks = true
		case *expr.Ct:
			if b := regs.bytes(x.Register, 2); x.SourceRegister && x.Key == expr.CtKeyZONE && b != nil {
				zone := binary.NativeEndian.Uint16(b)
				s.Zone = &zone
			}
		}
	}
	return s
}

// String names the rule by chain and handle, with its text in parentheses, or the policy.
func (s *Step) String() string {
	if s.Kind == Policy {
		return "the policy of " + s.Chain.String()
	}
	text := fmt.Sprintf("rule %s handle %d", s.Chain.String(), s.Handle)
	if s.Text != "" {
		text += " (" + s.Text + ")"
	}
	return text
}

// name returns the text of a Decision. A policy has its chain and verdict. A rule has its chain
// and handle, as nft(8) takes them, and its text, or without text its comment and verdict.
func (s *Step) name() string {
	if s.Kind == Policy {
		return "policy of " + s.Chain.String() + ": " + s.Verdict
	}
	text := fmt.Sprintf("rule %s handle %d", s.Chain.String(), s.Handle)
	switch {
	case s.Text != "":
		text += ": " + s.Text
	case s.Comment != "":
		text += fmt.Sprintf(": %s, comment %q", s.Verdict, s.Comment)
	case s.Verdict != "":
		text += ": " + s.Verdict
	}
	return text
}

// decides reports whether a step belongs to Decisions.
func (s *Step) decides() bool {
	switch s.Verdict {
	case "drop":
		return true
	case "accept", "queue", "stolen":
		return s.Kind == Rule || s.Chain.rules > 0 && s.Chain.Type != "nat"
	}
	return s.Kind == Rule && s.Sets
}
