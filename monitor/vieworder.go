package monitor

import (
	"cmp"
	"encoding/binary"
)

// Order is what the rows of a view are ordered by.
type Order uint8

// The orders. Rows that are equal stand in the order in which they came, also
// when the order is descending.
const (
	ByArrival     Order = iota // the order in which the table learnt of them
	ByProto                    // protocol number
	ByState                    // protocol, then state; without states replied and assured ones last
	BySource                   // address and port, before NAT
	BySentAs                   // the source after NAT
	ByDestination              // address and port, before NAT
	ByDelivered                // the destination after NAT
	ByPackets                  // both directions
	ByBytes                    // both directions
	ByBorn                     // the beginning, unknown ones first
	ByLast                     // the last message
	ByTimeout                  // the moment at which it would end
	ByMark
	ByZone
	ByValue // Query.Value
)

// Place is where a row stands in an order: the value, and the generation among
// equal ones. A place stays good when its row is gone.
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

// Place returns where a row stands in the query's order.
func (q *Query) Place(index uint32, r *Row) Place {
	p := Place{Gen: r.Gen}
	f := &r.Flow
	switch q.By {
	case ByArrival:
		p.Hi = r.Gen
	case ByProto:
		p.Hi = uint64(f.Orig.Proto)
	case ByState:
		p.Hi = uint64(f.Orig.Proto)<<8 | stateRank(r)
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
	case ByValue:
		p.Hi = q.Value(index, r)
	}
	if q.Descending {
		p.Hi, p.Lo, p.Sub = ^p.Hi, ^p.Lo, ^p.Sub
	}
	return p
}

// packedPlace returns the place of a row without unpacking it, where the order
// needs nothing that stands beside the packed row, and no filter wants to see it.
func (q *Query) packedPlace(r *packedRow) (p Place, ok bool) {
	if q.Filter != nil || r.state&rowWide != 0 {
		return p, false
	}
	p.Gen = r.gen
	switch q.By {
	case ByArrival:
		p.Hi = r.gen
	case ByProto:
		p.Hi = uint64(r.proto)
	case ByBorn:
		if r.known&AttrStart != 0 {
			return p, false
		}
		if r.state&RowBorn != 0 {
			p.Hi = uint64(r.first)
		}
	case ByLast:
		p.Hi = uint64(r.last)
	case ByMark:
		p.Hi = uint64(r.mark)
	default:
		return p, false
	}
	if q.Descending {
		p.Hi, p.Lo, p.Sub = ^p.Hi, ^p.Lo, ^p.Sub
	}
	return p, true
}

func (p *Place) endpoint(e Endpoint) {
	p.Hi, p.Lo = binary.BigEndian.Uint64(e.Addr[:8]), binary.BigEndian.Uint64(e.Addr[8:])
	p.Sub = uint32(e.Port)
}

func stateRank(r *Row) uint64 {
	if r.Flow.Orig.Proto.HasState() {
		return uint64(r.Flow.State)
	}
	switch s := r.Flow.Status; {
	case s.Has(Assured):
		return 2
	case s.Has(SeenReply):
		return 1
	}
	return 0
}

// Ends tells when the flow ends if no packet comes, as of the last message that
// bore a timeout; for an ended flow its end; 0 where no timeout is known.
func (r *Row) Ends() Time {
	switch {
	case r.Ended():
		return r.Last
	case r.Known&AttrTimeout == 0:
		return 0
	}
	return r.Last + Time(r.Flow.Timeout)*1e9
}
