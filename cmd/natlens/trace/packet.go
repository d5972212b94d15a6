//go:build linux

package trace

import (
	"context"
	"net/netip"

	"natlens/monitor/kernel"
	"natlens/monitor/trace"
)

// packet is a traced packet, with its flow in the kernel's table.
type packet struct {
	*trace.Packet
	byAddress bool // the flow was found by its addresses, because the kernel did not report its id
	src, dst  netip.AddrPort
}

// found reads the packet's flow from the kernel's table. If the table does not contain it, or
// has another flow with the same tuple, the packet gets no flow.
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
		orig := p.First.Tuple()
		orig.Zone = f.Orig.Zone
		p.Flow.Reply = f.Orig != orig
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
