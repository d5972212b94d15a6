//go:build linux

package trace

import (
	"context"
	"fmt"
	"strings"

	"natlens/monitor"
	"natlens/monitor/kernel"
)

// Begins reports whether the packet begins a flow, or has none. An ICMP error belongs to
// another packet's flow.
func (p *Packet) Begins() bool {
	isError := p.First.Proto.IsICMP() && p.Flow.State == Related
	return !p.Answer && !isError && (p.Flow.ID == 0 || !p.Flow.confirmed())
}

// Find gets the packet's flow from the kernel's table; nil if it is not there, or another flow
// has its addresses by now.
func (p *Packet) Find(ctx context.Context, s *kernel.Service) *monitor.Flow {
	for _, h := range []*Headers{&p.Tracked, &p.First} {
		var b monitor.Batch
		if h.Proto == 0 || s.Get(ctx, &monitor.Flow{Orig: h.Tuple()}, &b) != nil || len(b.Events) != 1 {
			continue
		}
		if f := &b.Events[0].Flow; p.Flow.ID == 0 || p.Flow.ID == f.ID {
			return f
		}
	}
	return nil
}

// Walk returns the walk of the first packet of a flow, with the rules that decided.
func (p *Packet) Walk(ctx context.Context, s *kernel.Service, locals *monitor.Locals) monitor.Walk {
	f := (*monitor.Flow)(nil)
	if p.Dropped() == nil {
		f = p.Find(ctx, s)
	}
	untracked := f == nil && p.Flow.ID == 0
	if f == nil {
		f = p.flow()
	}
	f.Path = p.path(locals.Path(f))
	w := monitor.NewWalk(f)
	first := monitor.Flow{Orig: p.First.Tuple()}
	w.Original.Src, w.Original.Dst = first.From(), first.To() // before a rule writes into it
	if w.Untracked = untracked; untracked {
		last := monitor.Flow{Orig: p.Last.Tuple()}
		w.Original.Last.Src, w.Original.Last.Dst = last.From(), last.To()
	}
	w.Decide(p.Decisions())
	return w
}

// path returns the path that the packet took, as far as chains have seen it.
func (p *Packet) path(otherwise monitor.Path) monitor.Path {
	for i := range p.Steps {
		switch hook := p.Steps[i].Hook; {
		case hook == "output" && otherwise != monitor.PathLoop:
			return monitor.PathOut
		case hook == "forward":
			return monitor.PathForward
		case hook == "input" && otherwise != monitor.PathLoop:
			return monitor.PathIn
		}
	}
	return otherwise
}

// flow returns what the packet shows of a flow that is not in the table.
func (p *Packet) flow() *monitor.Flow {
	f := &monitor.Flow{Orig: p.First.Tuple(), ID: p.Flow.ID, Status: p.Flow.Status}
	if p.Flow.ID != 0 {
		f.Orig, f.Reply = p.Tracked.Tuple(), p.Last.Tuple()
		f.Reply.Src, f.Reply.Dst = f.Reply.Dst, f.Reply.Src
		if f.Orig.Proto.HasPorts() {
			f.Reply.SrcPort, f.Reply.DstPort = f.Reply.DstPort, f.Reply.SrcPort
		}
	}
	return f
}

// hooks are the hooks by nft's names.
var hooks = map[string]monitor.Hook{
	"prerouting": monitor.Prerouting, "input": monitor.Input, "forward": monitor.Forward,
	"output": monitor.Output, "postrouting": monitor.Postrouting,
}

// Decisions returns the rules and policies that decided about the packet: those that accepted
// or dropped it or sent it to a program, wrote into it, or turned conntrack off for it. Rules
// that only count, log or jump are left out, and policies that accept.
func (p *Packet) Decisions() (all []monitor.Decision) {
	for i := range p.Steps {
		s := &p.Steps[i]
		if hook, known := hooks[s.Hook]; known && s.decides() {
			all = append(all, monitor.Decision{Hook: hook, Text: s.name(), Drop: s.Verdict == "drop"})
		}
	}
	return all
}

// decides reports whether a step decides about the packet.
func (s *Step) decides() bool {
	switch s.Verdict {
	case "drop":
		return true
	case "accept", "queue", "stolen":
		return s.Kind == Rule
	}
	return s.Kind == Rule && (s.Sets() || strings.Contains(s.Text, "notrack"))
}

// name names a rule as nft(8) addresses it, with its text.
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
