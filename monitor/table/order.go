package table

import (
	"cmp"
	"encoding/binary"

	"natlens/monitor"
)

// Order is what a view is sorted by.
type Order uint8

// The orders. Equal rows stay in the order of arrival, also in descending order.
const (
	ByArrival     Order = iota // the order in which they were added
	ByProto                    // protocol number
	ByState                    // protocol, then state; without states, replied and assured ones last
	BySource                   // address and port, before NAT
	BySentAs                   // the source after NAT
	ByDestination              // address and port, before NAT
	ByDelivered                // the destination after NAT
	ByPackets                  // both directions
	ByBytes                    // both directions
	ByBorn                     // the beginning, unknown ones first
	ByLast                     // the last message
	ByTimeout                  // the time at which the flow would end
	ByMark
	ByZone
	ByRate // both directions in Query.Window; of equal rates the newest flow is the highest
	ByUp   // the original direction
	ByDown // the reply direction
)

// Place is a position in an order: the value, and the generation for equal values. A place
// remains valid when its row is removed.
type Place struct {
	Hi, Lo uint64
	Sub    uint32
	Gen    uint64
}

// Compare returns -1, 0 or 1.
func (p *Place) Compare(o *Place) int {
	if p.Hi != o.Hi {
		return cmp.Compare(p.Hi, o.Hi)
	}
	return cmp.Or(cmp.Compare(p.Lo, o.Lo), cmp.Compare(p.Sub, o.Sub), cmp.Compare(p.Gen, o.Gen))
}

// Before reports whether p comes first.
func (p *Place) Before(o *Place) bool { return p.Compare(o) < 0 }

// Place returns a row's position in the query's order.
func (q *Query) Place(r *Row) Place {
	p := Place{Gen: r.Gen}
	f := &r.Flow
	switch q.By {
	case ByArrival:
		p.Hi = r.Gen
	case ByProto:
		p.Hi = uint64(f.Orig.Proto)
	case ByState:
		p.Hi = stateOrder(f)
	case BySource:
		p.endpoint(f.From())
	case BySentAs:
		p.endpoint(f.SentAs())
	case ByDestination:
		p.endpoint(f.To())
	case ByDelivered:
		p.endpoint(f.DeliveredTo())
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
	case ByRate, ByUp, ByDown:
		p.rate(q.By, r.Rates[q.Window])
	}
	if q.Descending {
		p.Hi, p.Lo, p.Sub = ^p.Hi, ^p.Lo, ^p.Sub
	}
	return p
}

// packedPlace is Place for a packed row. Unpacking rows takes most of the time of a view. The
// orders by arrival, by rates, and by age if the kernel recorded no start, do without. ok is
// false for the other orders. The row is the chunk's i-th, p.
func (q *Query) packedPlace(c *chunk, i uint32, p *packedRow) (place Place, ok bool) {
	place.Gen = p.gen
	switch {
	case q.By == ByArrival:
		place.Hi = p.gen
	case q.By >= ByRate:
		place.rate(q.By, c.rateOf(p, i, q.Window))
	case q.By == ByBorn && p.known&monitor.AttrStart == 0:
		if p.state&RowNew != 0 {
			place.Hi = uint64(p.first)
		}
	default:
		return place, false
	}
	if q.Descending {
		place.Hi, place.Lo, place.Sub = ^place.Hi, ^place.Lo, ^place.Sub
	}
	return place, true
}

// rate sorts by a rate, in the order by. The generation must be set.
func (p *Place) rate(by Order, r Rate) {
	switch by {
	case ByUp:
		r.Down = 0
	case ByDown:
		r.Up = 0
	}
	p.Hi, p.Lo = uint64(r.Total()), p.Gen
}

// endpoint sorts by address, then by port. IPv4 comes first and fits into the first word, which
// decides most comparisons:
//
//	IPv4  Hi  0  address 32  port 16
//	IPv6  Hi  1  bits 0–62 of the address     Lo  bits 63–126     Sub  bit 127  port 16
func (p *Place) endpoint(e monitor.Endpoint) {
	if monitor.Is4(&e.Addr) {
		p.Hi = uint64(binary.BigEndian.Uint32(e.Addr[12:]))<<16 | uint64(e.Port)
		return
	}
	hi, lo := binary.BigEndian.Uint64(e.Addr[:8]), binary.BigEndian.Uint64(e.Addr[8:])
	p.Hi, p.Lo = 1<<63|hi>>1, hi<<63|lo>>1
	p.Sub = uint32(lo&1)<<16 | uint32(e.Port)
}

// stateOrder is the protocol, then the state; for protocols without states, the status.
func stateOrder(f *monitor.Flow) uint64 {
	rank := uint64(0)
	switch {
	case f.Orig.Proto.HasState():
		rank = uint64(f.State)
	case f.Status.Has(monitor.Assured):
		rank = 2
	case f.Status.Has(monitor.SeenReply):
		rank = 1
	}
	return uint64(f.Orig.Proto)<<8 | rank
}
