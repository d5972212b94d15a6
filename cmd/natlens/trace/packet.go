//go:build linux

package trace

import (
	"context"
	"net/netip"

	"natlens/monitor/kernel"
	"natlens/monitor/trace"
)

// packet is a traced packet and what the table of flows says of it.
type packet struct {
	*trace.Packet
	byAddress bool // its flow was found by its addresses: the kernel did not say which it is
	src, dst  netip.AddrPort
}

// found gets the packet's flow from the kernel's table. A flow that is not there, or is
// another one by now, says nothing.
func found(ctx context.Context, s *kernel.Service, p *trace.Packet) *packet {
	out := &packet{Packet: p, src: p.Last.Src, dst: p.Last.Dst}
	if p.Dropped() != nil {
		return out
	}
	f := p.Find(ctx, s)
	if f == nil {
		return out
	}
	if p.Flow.ID == 0 {
		p.Flow.ID, p.Flow.Status, out.byAddress = f.ID, f.Status, true
		p.Flow.Reply = f.Orig != p.First.Tuple()
	}
	src, dst := f.SentAs(), f.DeliveredTo()
	if p.Flow.Reply {
		src, dst = f.To(), f.From()
	}
	out.src, out.dst = netip.AddrPortFrom(src.Addr.Netip(), src.Port), netip.AddrPortFrom(dst.Addr.Netip(), dst.Port)
	return out
}

// leaves reports whether NAT rewrites the packet after its last chain.
func (p *packet) leaves() bool {
	return p.Dropped() == nil && !p.Last.Proto.IsICMP() && (p.src != p.Last.Src || p.dst != p.Last.Dst)
}
