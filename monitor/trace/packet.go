//go:build linux

package trace

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/google/nftables/expr"
)

// Packet is a traced packet with the rules that it met.
type Packet struct {
	Time    time.Time // of its first message
	In, Out string    // interfaces; "": sent by this host, or delivered to it
	First   Headers   // as it arrived
	Last    Headers   // as the last chain saw it
	Tracked Headers   // as the first chain after conntrack's lookup saw it; Proto 0: it has no flow
	Flow    Flow      // of its last message that has one, before it returned over loopback
	Steps   []Step
	Answer  bool // it matched the rules for answers (Config.Answers)

	// Hooks are what it reached: tracked (after conntrack's lookup in prerouting), forward, input,
	// postrouting. They need Config.Answers.
	Hooks []string

	last    time.Time
	chains  []Chain // the base chains that it passed
	id      uint32
	looped  bool // it returned over loopback (Config.Loops)
	rewrote bool // its addresses changed since the last step
}

// Dropped returns the step that dropped the packet, or nil.
func (p *Packet) Dropped() *Step {
	if n := len(p.Steps); n > 0 && p.Steps[n-1].Verdict == "drop" {
		return &p.Steps[n-1]
	}
	return nil
}

// NeverConfirmed reports whether the packet was dropped before its flow entered the
// table.
func (p *Packet) NeverConfirmed() bool {
	return p.Dropped() != nil && p.Flow.ID != 0 && !p.Flow.confirmed()
}

// LookedUp reports whether conntrack has looked the packet up. It needs Config.Answers.
func (p *Packet) LookedUp() bool { return p.In == "" || slices.Contains(p.Hooks, "tracked") }

// Routed reports whether the packet reached a hook after routing. It needs Config.Answers.
func (p *Packet) Routed() bool {
	return p.In == "" || slices.Contains(p.Hooks, "forward") || slices.Contains(p.Hooks, "input")
}

// Step returns the last step for which is returns true, or nil.
func (p *Packet) Step(is func(*Step) bool) *Step {
	for i := range slices.Backward(p.Steps) {
		if s := &p.Steps[i]; is(s) {
			return s
		}
	}
	return nil
}

// packets joins messages to packets by the kernel's trace id. Ids are not unique: a message with
// the same id belongs to another packet if it has another flow, or if it is from a base chain
// that the packet has passed.
type packets struct {
	open  []*Packet
	loops bool // Config.Loops
}

// add adds a message, which s describes, to its packet. own is true for a message from the
// Tracer's table: the first one has the headers of the packet as it arrived, and none adds a
// step. add skips packets that matched no rule of that table, because another program's rule
// marks them. nameOf returns the name of an interface.
func (ps *packets) add(m *message, s Step, own bool, now time.Time, nameOf func(uint32) string) {
	var p *Packet
	for _, open := range slices.Backward(ps.open) { // the newest packet with this id first
		if ps.loops && open.In == "" && m.flow.ID != 0 && open.Flow.ID == m.flow.ID && nameOf(m.iif) == "lo" {
			p, open.looped = open, true
			break
		} else if open.id == m.id && (open.Flow.ID == 0 || m.flow.ID == 0 || open.Flow.ID == m.flow.ID) &&
			open.Dropped() == nil && !(m.headers.Proto != 0 && open.passed(s.Chain)) {
			p = open
			break
		}
	}
	if p == nil {
		if (!own || m.handle == 0) && !ps.has(m.flow.ID) {
			return // another program traces it
		}
		p = &Packet{Time: now, First: m.headers, Last: m.headers, id: m.id, In: nameOf(m.iif)}
		ps.open = append(ps.open, p)
	}
	if m.headers.Proto != 0 {
		p.rewrote = p.rewrote || m.headers.Src != p.Last.Src || m.headers.Dst != p.Last.Dst
		p.Last = m.headers
		p.chains = append(p.chains, s.Chain)
	}
	if p.Out == "" {
		p.Out = nameOf(m.oif)
	}
	if m.flow.ID != 0 && p.Flow.ID == 0 {
		p.Tracked = p.Last
	}
	if (m.flow.ID != 0 || p.Flow.ID == 0) && !p.looped {
		p.Flow = m.flow
	}
	p.last = now
	if own {
		p.Hooks, p.Answer = append(p.Hooks, m.chain), p.Answer || m.chain == chainAnswers
		return
	}
	if s.Kind != Rule || s.Handle != 0 { // handle 0: no rule of the chain matched; its policy comes next
		s.Headers, s.Rewrote, s.Hook = p.Last, p.rewrote, s.Chain.Hook
		if n := len(p.Steps); n > 0 && s.Hook == "" {
			s.Hook = p.Steps[n-1].Hook
		}
		p.Steps, p.rewrote = append(p.Steps, s), false
	}
}

// has reports whether a packet of the flow is open. A packet that returns over loopback has this
// flow, and is traced even if the filter does not match it again.
func (ps *packets) has(flow uint32) bool {
	return flow != 0 && slices.ContainsFunc(ps.open, func(p *Packet) bool { return p.Flow.ID == flow })
}

// passed reports whether the packet was in a base chain. A packet passes each once.
func (p *Packet) passed(c Chain) bool { return slices.Contains(p.chains, c) }

// ended removes and returns the packets that were dropped, or had no message after since.
func (ps *packets) ended(since time.Time) (done []*Packet) {
	ps.open = slices.DeleteFunc(ps.open, func(p *Packet) bool {
		if p.last.After(since) && p.Dropped() == nil {
			return false
		}
		done = append(done, p)
		return true
	})
	return done
}

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
