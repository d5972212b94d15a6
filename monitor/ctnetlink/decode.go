package ctnetlink

import (
	"encoding/binary"
	"fmt"

	"natlens/monitor"
)

// Decoder turns ctnetlink messages into events. The zero value is ready. It is
// not safe for concurrent use; the counters are for `natlens stats`.
type Decoder struct {
	Unknown   uint64 // attributes and children that were skipped because they are not known here
	Malformed uint64 // messages refused with ErrTruncated or ErrMalformed
}

// What stands in front of the attributes: struct nlmsghdr and struct nfgenmsg.
const (
	nlmsgHeader = 16
	nfgenHeader = 4
	headers     = nlmsgHeader + nfgenHeader
)

// Message types and flags of linux/netlink.h and nfnetlink.h. A message type is
// the subsystem in the upper byte and the subsystem's own type in the lower.
const (
	typeNew    = 0x0100 // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW
	typeDelete = 0x0102 // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE

	flagRequest      = 0x001 // NLM_F_REQUEST
	flagMulti        = 0x002 // NLM_F_MULTI
	flagDumpFiltered = 0x020 // NLM_F_DUMP_FILTERED
	flagExcl         = 0x200 // NLM_F_EXCL
	flagCreate       = 0x400 // NLM_F_CREATE
)

// Decode appends the event that msg tells to b. msg is one netlink message with
// its nlmsghdr; what follows the message's own length is not looked at.
//
// The event keeps msg: Raw, and the byte slices of Extra, point into it. They are
// good for as long as the caller leaves msg alone. Time is set only where the
// kernel stamped the event; otherwise it is the capture's to set.
//
// On an error nothing is appended, and Malformed counts it unless it is an
// [ErrNotConntrack]. A call that succeeds does not allocate, as long as the batch
// has room (but for labels on a big endian machine).
func (d *Decoder) Decode(msg []byte, b *monitor.Batch) error {
	if len(msg) < nlmsgHeader {
		d.Malformed++
		return fmt.Errorf("decode header: %d bytes: %w", len(msg), ErrTruncated)
	}
	kind := kindOf(msg)
	if kind == monitor.KindNone {
		return ErrNotConntrack
	}
	n := uint64(binary.NativeEndian.Uint32(msg))
	if n < headers || n > uint64(len(msg)) {
		d.Malformed++
		return fmt.Errorf("decode header: length %d of %d bytes: %w", n, len(msg), ErrTruncated)
	}
	msg = msg[:n:n]
	e := b.Add()
	e.Kind = kind
	if kind != monitor.KindExisting { // there it is the port that asked, not what caused the flow
		e.PortID = binary.NativeEndian.Uint32(msg[12:])
	}
	e.Raw = msg
	if err := d.attributes(msg[headers:], e, b); err != nil {
		b.Drop()
		d.Malformed++
		return err
	}
	return nil
}

// kindOf tells from the nlmsghdr what a message reports; KindNone is no report
// about a flow. Events bear the sequence number 0 and no NLM_F_MULTI. What
// answers a dump or a get bears the number of its request, and NLM_F_MULTI if the
// request came from a socket with a port id (ctnetlink_fill_info).
func kindOf(msg []byte) monitor.Kind {
	flags := binary.NativeEndian.Uint16(msg[6:])
	if flags&flagRequest != 0 {
		return monitor.KindNone // in a recording of both directions: somebody asks
	}
	switch binary.NativeEndian.Uint16(msg[4:]) {
	case typeNew:
		switch {
		case flags&(flagMulti|flagDumpFiltered) != 0 || binary.NativeEndian.Uint32(msg[8:]) != 0:
			return monitor.KindExisting
		case flags&(flagCreate|flagExcl) != 0:
			return monitor.KindNew
		}
		return monitor.KindUpdate
	case typeDelete:
		return monitor.KindDestroy
	}
	return monitor.KindNone
}

// attributes reads what follows the headers into e.
func (d *Decoder) attributes(b []byte, e *monitor.Event, batch *monitor.Batch) error {
	f := &e.Flow
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return badLength("flow", len(b))
		}
		b = rest
		var err error
		switch typ {
		case ctaTupleOrig:
			var zone bool
			if zone, err = d.tuple(v, &f.Orig); zone {
				e.Has |= monitor.AttrZoneOrig
			}
			e.Has |= monitor.AttrOrig
		case ctaTupleReply:
			var zone bool
			if zone, err = d.tuple(v, &f.Reply); zone {
				e.Has |= monitor.AttrZoneReply
			}
			e.Has |= monitor.AttrReply
		case ctaStatus:
			// The kernel pads CTA_TIMESTAMP_EVENT to 8 bytes with an empty
			// CTA_TIMESTAMP_PAD, where it needs to (mips, sparc, older arm):
			// a child's number, 3, which on this level is CTA_STATUS.
			if len(v) == 0 {
				continue
			}
			var s uint32
			s, err = be32("status", typ, v)
			f.Status = monitor.Status(s)
			e.Has |= monitor.AttrStatus
		case ctaTimeout:
			f.Timeout, err = be32("timeout", typ, v)
			e.Has |= monitor.AttrTimeout
		case ctaMark:
			f.Mark, err = be32("mark", typ, v)
			e.Has |= monitor.AttrMark
		case ctaID:
			f.ID, err = be32("id", typ, v)
			e.Has |= monitor.AttrID
		case ctaUse:
			f.Use, err = be32("use", typ, v)
			e.Has |= monitor.AttrUse
		case ctaZone:
			f.Zone, err = be16("zone", typ, v)
			e.Has |= monitor.AttrZone
		case ctaProtoinfo:
			err = d.protoinfo(v, e, batch)
		case ctaCountersOrig:
			err = d.counters(v, &f.CountersOrig)
			e.Has |= monitor.AttrCountersOrig
		case ctaCountersReply:
			err = d.counters(v, &f.CountersReply)
			e.Has |= monitor.AttrCountersReply
		case ctaTimestamp:
			err = d.timestamp(v, e)
		case ctaTimestampEvent:
			var t uint64
			t, err = be64("event timestamp", typ, v)
			e.Time, e.TimeSource = monitor.Time(t), monitor.TimeKernel
			e.Has |= monitor.AttrEventTime
		default:
			err = d.rare(typ, v, e, batch)
		}
		if err != nil {
			return err
		}
	}
	return complete(e)
}

// complete checks what a flow can't do without, and puts CTA_ZONE into the tuples.
func complete(e *monitor.Event) error {
	if e.Has&monitor.AttrOrig == 0 {
		return fmt.Errorf("decode flow: no original tuple: %w", ErrMalformed)
	}
	f := &e.Flow
	if e.Has&monitor.AttrZone != 0 {
		if e.Has&monitor.AttrZoneOrig == 0 {
			f.Orig.Zone = f.Zone
		}
		if e.Has&monitor.AttrZoneReply == 0 {
			f.Reply.Zone = f.Zone
		}
	}
	// The kernel names no zone for the master: an expectation only meets packets
	// of the zone of its master.
	if e.Has&monitor.AttrMaster != 0 && e.Extra.Master.Zone == 0 {
		e.Extra.Master.Zone = f.Orig.Zone
	}
	return nil
}

func be16(op string, typ uint16, v []byte) (uint16, error) {
	if len(v) != 2 {
		return 0, wrongSize(op, typ, len(v))
	}
	return binary.BigEndian.Uint16(v), nil
}

func be32(op string, typ uint16, v []byte) (uint32, error) {
	if len(v) != 4 {
		return 0, wrongSize(op, typ, len(v))
	}
	return binary.BigEndian.Uint32(v), nil
}

func be64(op string, typ uint16, v []byte) (uint64, error) {
	if len(v) != 8 {
		return 0, wrongSize(op, typ, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}
