//go:build linux

package trace

import (
	"slices"
	"strings"
	"time"
)

// Sets reports whether the rule writes into the packet itself, which NAT does between two
// chains.
func (s *Step) Sets() bool { return strings.Contains(s.Text, " set ") }

// Packet is the way of one packet.
type Packet struct {
	Time    time.Time // of its first message
	In, Out string    // interfaces; "": made here, or delivered here
	First   Headers   // as it came
	Last    Headers   // as the last chain got it
	Tracked Headers   // as the first chain behind conntrack's lookup got it; Proto 0: it has no flow
	Flow    Flow      // of its last message that has one
	Steps   []Step
	Answer  bool // traced as an answer (Config.Answers)
	last    time.Time
	chains  []Chain // the base chains that it passed
	id      uint32
	own     []string // the chains of the Tracer's table that it met
	rewrote bool     // before the next step
}

// Step is a rule or the end of a chain that a packet met.
type Step struct {
	Chain   Chain
	Hook    string // of the base chain, also for a chain that a rule jumped to
	Kind    Kind
	Handle  uint64  // of the rule
	Text    string  // of the rule as nft(8) writes it; "": there is no nft
	Comment string  // of the rule
	Verdict string  // accept, drop, continue, jump, goto, return, queue, stolen
	Target  string  // chain of a jump or goto
	Headers Headers // of the packet
	Rewrote bool    // they differ from those of the step before: by NAT, or if Sets by this rule
}

// Dropped returns the step that dropped the packet, nil if none did.
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

// Reached reports whether the packet came to a hook: forward, input, postrouting. It is for
// a Tracer with Config.Answers. The hook "tracked" is after conntrack's lookup.
func (p *Packet) Reached(hook string) bool { return slices.Contains(p.own, hook) }

// packets joins messages to packets by the kernel's number of the packet, which is not unique.
// A message with another flow belongs to another packet, and so does a message from a base
// chain that the packet has passed.
type packets struct{ open []*Packet }

// add adds a message. Own is true for a message from the table that marks packets: it has the
// headers of the packet as it came, and makes no step. A packet that met no rule of that table
// is skipped: a rule of another program marks it.
func (ps *packets) add(m *message, s Step, own bool, now time.Time, nameOf func(uint32) string) {
	var p *Packet
	for _, open := range slices.Backward(ps.open) { // the last one of a number first
		if open.id == m.id && (open.Flow.ID == 0 || m.flow.ID == 0 || open.Flow.ID == m.flow.ID) &&
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
	if m.flow.ID != 0 || p.Flow.ID == 0 {
		p.Flow = m.flow
	}
	p.last = now
	if own {
		p.own, p.Answer = append(p.own, m.chain), p.Answer || m.chain == chainAnswers
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

// has reports whether a packet of the flow is open. It comes back over loopback, where the
// filter need not match it again.
func (ps *packets) has(flow uint32) bool {
	return flow != 0 && slices.ContainsFunc(ps.open, func(p *Packet) bool { return p.Flow.ID == flow })
}

// passed reports whether the packet was in a base chain. It meets each once.
func (p *Packet) passed(c Chain) bool { return slices.Contains(p.chains, c) }

// ended removes and returns the packets that had no message since then.
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
