//go:build linux

package trace

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"natlens/export/text"
	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/trace"
)

// pretty returns a packet for people: a line for the packet, a line for each rule and policy,
// and how it ended.
func (o *options) pretty(p *packet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", p.Time.Format("15:04:05.000000"), heading(p))
	where, chain, what := 0, 0, 0
	rows := make([][4]string, len(p.Steps))
	for i := range p.Steps {
		s := &p.Steps[i]
		rows[i] = [4]string{hook(&s.Chain), s.Chain.String(), ruleOf(s), verdict(s)}
		where, chain = max(where, ansi.StringWidth(rows[i][0])), max(chain, ansi.StringWidth(rows[i][1]))
		what = max(what, ansi.StringWidth(rows[i][2]))
	}
	for i, r := range rows {
		line := fmt.Sprintf("  %-*s  %-*s  %-*s  %s\n", where, r[0], chain, r[1], min(what, 60), r[2], r[3])
		if s := &p.Steps[i]; s.Rewrote && s.Sets {
			line += "  now " + addresses(&s.Headers) + "\n"
		} else if s.Rewrote {
			line = "  now " + addresses(&s.Headers) + "\n" + line
		}
		b.WriteString(line)
	}
	if p.leaves() {
		fmt.Fprintf(&b, "  now %s\n", addresses(&p.sent))
	}
	fmt.Fprintf(&b, "  %s\n", ending(p))
	var out []byte
	for line := range strings.Lines(b.String()) {
		out = append(monitor.AppendMessage(out, []byte(strings.TrimRight(line, " \n"))), '\n')
	}
	if o.con.ASCII() {
		out = text.ASCII(out)
	}
	return string(out)
}

// heading describes the packet.
func heading(p *packet) string {
	text := p.First.Proto.String() + " " + addresses(&p.First)
	if p.In != "" {
		text += ", in " + p.In
	}
	if p.Out != "" {
		text += ", out " + p.Out
	}
	if p.Flow.ID != 0 {
		text += fmt.Sprintf(", flow %d", p.Flow.ID)
		if p.Flow.Reply {
			text += " in the reply direction"
		}
		if p.byAddress {
			text += " (by address)"
		} else {
			text += ", " + p.Flow.State.String()
		}
	}
	return text
}

func addresses(h *trace.Headers) string {
	if h.Src.Port() == 0 && h.Dst.Port() == 0 {
		text := h.Src.Addr().String() + " → " + h.Dst.Addr().String()
		if h.Proto.IsICMP() {
			text += fmt.Sprintf(" type %d code %d", h.ICMP>>8, h.ICMP&0xff)
		}
		return text
	}
	return h.Src.String() + " → " + h.Dst.String()
}

// hook returns the hook and priority of a base chain, or an arrow for a chain that a rule
// jumped to.
func hook(c *trace.Chain) string {
	if c.Hook == "" {
		return "  ↳"
	}
	return fmt.Sprintf("%s %d", c.Hook, c.Prio)
}

// ruleOf returns the text of a rule, or without nft(8) its handle and comment.
func ruleOf(s *trace.Step) string {
	switch {
	case s.Kind == trace.Policy:
		return "policy"
	case s.Kind == trace.Return:
		return "end of the chain"
	case s.Text != "":
		return fmt.Sprintf("%s # handle %d", s.Text, s.Handle)
	case s.Comment != "":
		return fmt.Sprintf("handle %d, comment %q", s.Handle, s.Comment)
	}
	return fmt.Sprintf("handle %d", s.Handle)
}

func verdict(s *trace.Step) string {
	if s.Target != "" {
		return s.Verdict + " " + s.Target
	}
	return s.Verdict
}

// ending says how the packet ended, in a sentence.
func ending(p *packet) string {
	s := p.Dropped()
	if s == nil {
		if n := len(p.Steps); n > 0 && p.Steps[n-1].Verdict == "stolen" {
			return "taken by a rule of " + p.Steps[n-1].Chain.String() + " (synproxy or the like)"
		}
		if len(p.Steps) == 0 {
			return "it met no chain"
		}
		return "no rule dropped it"
	}
	text := "dropped"
	if s.Hook != "" {
		text += " in " + strings.ToUpper(s.Hook)
	}
	if s.Kind == trace.Policy {
		text += " by the policy of " + s.Chain.String()
	} else {
		text += fmt.Sprintf(" by rule %s handle %d", s.Chain.String(), s.Handle)
	}
	if p.NeverConfirmed() {
		text += ": its flow was never confirmed, so it is not in the table"
	}
	return text
}

// packet is a traced packet, with its flow in the kernel's table.
type packet struct {
	*trace.Packet
	byAddress bool          // the flow was found by its addresses, because the kernel did not report its id
	sent      trace.Headers // after the last chain
}

// found reads the packet's flow from the kernel's table. If the table does not contain it, or
// has another flow with the same tuple, the packet gets no flow.
func found(ctx context.Context, s *kernel.Service, p *trace.Packet) *packet {
	out := &packet{Packet: p, sent: p.Last}
	if p.Dropped() != nil {
		return out
	}
	f := p.Find(ctx, s)
	if f == nil {
		return out
	}
	if p.Flow.ID == 0 {
		p.Flow.ID, p.Flow.Status, out.byAddress = f.ID, f.Status, true
		orig := p.First.Tuple()
		orig.Zone = f.Orig.Zone
		p.Flow.Reply = f.Orig != orig
	}
	src, dst := f.SentAs(), f.DeliveredTo()
	if p.Flow.Reply {
		src, dst = f.To(), f.From()
	}
	if p.Last.Src.Port() == 0 && p.Last.Dst.Port() == 0 { // ICMP has an id, GRE keys
		src.Port, dst.Port = 0, 0
	}
	out.sent.Src = netip.AddrPortFrom(src.Addr.Netip(), src.Port)
	out.sent.Dst = netip.AddrPortFrom(dst.Addr.Netip(), dst.Port)
	return out
}

// leaves reports whether NAT rewrites the packet after its last chain.
func (p *packet) leaves() bool {
	return p.Dropped() == nil && p.sent != p.Last
}
