//go:build linux

package trace

import (
	"context"

	"natlens/monitor"
	"natlens/monitor/kernel"
)

// Begins reports whether the packet's flow is not yet in the table, or the packet has no flow.
// It returns false for answers (Packet.Answer) and for ICMP errors, which belong to another
// packet's flow.
func (p *Packet) Begins() bool {
	isError := p.First.Proto.IsICMP() && p.Flow.State == Related
	return !p.Answer && !isError && (p.Flow.ID == 0 || !p.Flow.confirmed())
}

// Find returns the packet's flow from the kernel's table, looked up by addresses and by the zone
// that a rule set. It returns nil if it finds no flow, if the request fails, or if another flow
// has the addresses now.
func (p *Packet) Find(ctx context.Context, s *kernel.Service) *monitor.Flow {
	for _, h := range []*Headers{&p.Tracked, &p.First} {
		var b monitor.Batch
		orig := h.Tuple()
		orig.Zone = p.zone()
		if h.Proto == 0 || s.Get(ctx, &monitor.Flow{Orig: orig}, &b) != nil || len(b.Events) != 1 {
			continue
		}
		if f := &b.Events[0].Flow; p.Flow.ID == 0 || p.Flow.ID == f.ID {
			return f
		}
	}
	return nil
}

// zone returns the conntrack zone that the packet's rules set.
func (p *Packet) zone() (zone uint16) {
	for i := range p.Steps {
		if z := p.Steps[i].Zone; z != nil {
			zone = *z
		}
	}
	return zone
}

// Walk returns the walk of the first packet of a flow, with the rules that decided. If the
// packet is dropped or the table does not have the flow, the packet's headers take its place.
// locals are the host's addresses, which determine the path if no chain has seen it.
func (p *Packet) Walk(ctx context.Context, s *kernel.Service, locals *monitor.Locals) monitor.Walk {
	f := (*monitor.Flow)(nil)
	if p.Dropped() == nil || p.looped {
		f = p.Find(ctx, s)
	}
	untracked := f == nil && p.Flow.ID == 0
	if f == nil {
		f = p.flow()
	}
	f.Path = p.path(locals.Path(f))
	w := monitor.NewWalk(f)
	first := monitor.Flow{Orig: p.First.Tuple()}
	w.Original.Src, w.Original.Dst = first.From(), first.To() // before a rule changes it
	if w.Untracked = untracked; untracked {
		last := monitor.Flow{Orig: p.Last.Tuple()}
		w.Original.Last.Src, w.Original.Last.Dst = last.From(), last.To()
	}
	w.Decide(p.Decisions())
	return w
}

// path returns the packet's path by the first hook that determines it, or otherwise if none
// does.
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

// flow returns a flow made of the packet's headers, for one that is not in the table. Without
// conntrack's lookup it has only the original tuple.
func (p *Packet) flow() *monitor.Flow {
	f := &monitor.Flow{Orig: p.First.Tuple(), ID: p.Flow.ID, Status: p.Flow.Status}
	if p.Flow.ID != 0 {
		f.Orig, f.Reply = p.Tracked.Tuple(), p.Last.Tuple()
		f.Orig.Zone = p.zone()
		f.Reply.Src, f.Reply.Dst = f.Reply.Dst, f.Reply.Src
		if f.Orig.Proto.HasPorts() {
			f.Reply.SrcPort, f.Reply.DstPort = f.Reply.DstPort, f.Reply.SrcPort
		}
	}
	return f
}

// Decisions returns the rules and policies that decided about the packet, in the order of its
// path: those that accepted, dropped, queued or changed it, or excluded it from conntrack. It
// omits rules that only count, log or jump, and the policies of chains that have no rules or are
// of type nat if they accept.
func (p *Packet) Decisions() (all []monitor.Decision) {
	for i := range p.Steps {
		s := &p.Steps[i]
		if hook, known := hooks[s.Hook]; known && s.decides() {
			all = append(all, monitor.Decision{Hook: hook, Text: s.name(), Drop: s.Verdict == "drop"})
		}
	}
	return all
}
