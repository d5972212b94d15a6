package table

import (
	"cmp"
	"encoding/binary"

	"natlens/monitor"
)

// Compare returns -1, 0 or 1.
func (p *Place) Compare(o *Place) int {
	if p.Hi != o.Hi {
		return cmp.Compare(p.Hi, o.Hi)
	}
	if p.Lo != o.Lo {
		return cmp.Compare(p.Lo, o.Lo)
	}
	if p.Sub != o.Sub {
		return cmp.Compare(p.Sub, o.Sub)
	}
	return cmp.Compare(p.Gen, o.Gen)
}

// Before reports whether p comes first.
func (p *Place) Before(o *Place) bool { return p.Compare(o) < 0 }

// Place returns a row's position in the query's order.
func (q *Query) Place(index uint32, r *Row) Place {
	p := Place{Gen: r.Gen}
	f := &r.Flow
	switch q.By {
	case ByArrival:
		p.Hi = r.Gen
	case ByProto:
		p.Hi = uint64(f.Orig.Proto)
	case ByState:
		p.Hi = stateOrder(f.Orig.Proto, f.State, f.Status)
	case BySource, BySentAs, ByDestination, ByDelivered:
		p.endpoint(q.By.end(f))
	case ByPackets:
		p.Hi = f.CountersOrig.Packets + f.CountersReply.Packets
	case ByBytes:
		p.Hi = f.CountersOrig.Bytes + f.CountersReply.Bytes
	case ByBorn:
		p.Hi = uint64(r.Born())
	case ByLast:
		p.Hi = uint64(r.Last)
	case ByTimeout:
		p.Hi = uint64(r.Ends())
	case ByMark:
		p.Hi = uint64(f.Mark)
	case ByZone:
		p.Hi = uint64(f.Orig.Zone)<<16 | uint64(f.Reply.Zone)
	case ByValue:
		p.Hi = q.Value(index, r)
	}
	p.turn(q.flip())
	return p
}

// packed reports whether a packed row is enough to compute its position.
func (o Order) packed() bool { return o != ByValue }

// byEnd reports whether the order goes by an end of the flow.
func (o Order) byEnd() bool {
	switch o {
	case BySource, BySentAs, ByDestination, ByDelivered:
		return true
	}
	return false
}

// packedOrder is the first word of the place of a packed row, before it is turned
// round for a descending order: what [Query.Place] makes of the unpacked one. The
// other words are 0, but for a wide row in an order by an end.
func (c *chunk) packedOrder(by Order, p *packedRow, i uint32) uint64 {
	switch by {
	case BySource, BySentAs, ByDestination, ByDelivered:
		if p.state&rowWide != 0 {
			return c.widePlace(by, i).Hi
		}
		return p.end(by)
	case ByArrival:
		return p.gen
	case ByProto:
		return uint64(p.proto)
	case ByState:
		return stateOrder(p.proto, p.conn, p.status)
	case ByPackets, ByBytes:
		if p.known&meteredAttrs == 0 {
			return 0
		}
		if m := &c.metered[i]; by == ByBytes {
			return m.orig.Bytes + m.reply.Bytes
		} else {
			return m.orig.Packets + m.reply.Packets
		}
	case ByBorn:
		return uint64(c.born(p, i))
	case ByLast:
		return uint64(p.last)
	case ByTimeout:
		return uint64(endsAt(p.state, p.known, p.last, p.timeout))
	case ByMark:
		return uint64(p.mark)
	default: // ByZone
		return uint64(p.origZone)<<16 | uint64(p.replyZone)
	}
}

// turn turns a place round, or leaves it, for a flip of 0.
func (p *Place) turn(flip uint64) {
	p.Hi, p.Lo, p.Sub = p.Hi^flip, p.Lo^flip, p.Sub^uint32(flip)
}

// flip is what turns the words of a place round.
func (q *Query) flip() uint64 {
	if q.Descending {
		return ^uint64(0)
	}
	return 0
}

// end is the end of a flow that the order goes by.
func (o Order) end(f *monitor.Flow) monitor.Endpoint {
	switch o {
	case BySource:
		return f.From()
	case BySentAs:
		return f.SentAs()
	case ByDestination:
		return f.To()
	}
	return f.DeliveredTo()
}

// endpoint orders by address, then by port. IPv4 comes first and is all in the
// first word, so that this word orders most rows:
//
//	IPv4  Hi  0  address 32  port 16
//	IPv6  Hi  1  bits 0–62 of the address     Lo  bits 63–126     Sub  bit 127  port 16
func (p *Place) endpoint(e monitor.Endpoint) {
	if monitor.Is4(&e.Addr) {
		p.Hi = end4(last4(&e.Addr), e.Port)
		return
	}
	hi, lo := binary.BigEndian.Uint64(e.Addr[:8]), binary.BigEndian.Uint64(e.Addr[8:])
	p.Hi, p.Lo = 1<<63|hi>>1, hi<<63|lo>>1
	p.Sub = uint32(lo&1)<<16 | uint32(e.Port)
}

func end4(addr [4]byte, port uint16) uint64 {
	return uint64(binary.BigEndian.Uint32(addr[:]))<<16 | uint64(port)
}

// end is the end of a row's flow that the order goes by, as the first word of a
// place, for a row that is not wide: what [Order.end] is for the unpacked one.
func (p *packedRow) end(by Order) uint64 {
	addr, port, icmp := 0, 0, p.proto.IsICMP()
	switch by {
	case BySentAs:
		addr, port = 3, 3
		if icmp {
			port = 2
		}
	case ByDestination:
		addr, port = 1, 1
	case ByDelivered:
		addr, port = 2, 2
	}
	if icmp && (by == ByDestination || by == ByDelivered) {
		return end4(p.addrs[addr], 0)
	}
	return end4(p.addrs[addr], p.ports[port])
}

// widePlace is the place, but for the generation, of the chunk's i-th row in an
// order by an end; the row is wide.
func (c *chunk) widePlace(by Order, i uint32) (place Place) {
	var f monitor.Flow
	f.Orig, f.Reply = c.wide[i][0], c.wide[i][1]
	place.endpoint(by.end(&f))
	return place
}

// stateOrder is the protocol, then the state, or what the status says of one.
func stateOrder(p monitor.Proto, state monitor.State, status monitor.Status) uint64 {
	rank := uint64(0)
	switch {
	case p.HasState():
		rank = uint64(state)
	case status.Has(monitor.Assured):
		rank = 2
	case status.Has(monitor.SeenReply):
		rank = 1
	}
	return uint64(p)<<8 | rank
}

// Ends returns when the flow ends if no packet comes, according to the last
// message with a timeout; for an ended flow its end; 0 if no timeout is known.
func (r *Row) Ends() monitor.Time { return endsAt(r.State, r.Known, r.Last, r.Flow.Timeout) }

func endsAt(state RowState, known monitor.Attrs, last monitor.Time, timeout uint32) monitor.Time {
	switch {
	case state&RowEnded != 0:
		return last
	case known&monitor.AttrTimeout == 0:
		return 0
	}
	return last + monitor.Time(timeout)*1e9
}
