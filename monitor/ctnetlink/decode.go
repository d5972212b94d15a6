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

// Decode appends the event of a message to b. msg is one netlink message with its
// nlmsghdr; what follows the message's own length is ignored.
//
// The event keeps msg: Raw, and the byte slices of Extra, point into it. They are
// good for as long as the caller leaves msg alone. Time is set only if the kernel
// stamped the event; otherwise the capture sets it.
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

// kindOf returns what a message reports, by its nlmsghdr; KindNone if it is not about
// a flow. Events have the sequence number 0 and no NLM_F_MULTI. The answer to a dump or
// a get has the number of its request, and NLM_F_MULTI if the request came from a
// socket with a port id (ctnetlink_fill_info).
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
	w := walk{op: "flow"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaTupleOrig:
			var zone bool
			if zone, w.err = d.tuple(v, &f.Orig); zone {
				e.Has |= monitor.AttrZoneOrig
			}
			e.Has |= monitor.AttrOrig
		case ctaTupleReply:
			var zone bool
			if zone, w.err = d.tuple(v, &f.Reply); zone {
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
			f.Status = monitor.Status(w.be32(v))
			e.Has |= monitor.AttrStatus
		case ctaTimeout:
			f.Timeout = w.be32(v)
			e.Has |= monitor.AttrTimeout
		case ctaMark:
			f.Mark = w.be32(v)
			e.Has |= monitor.AttrMark
		case ctaID:
			f.ID = w.be32(v)
			e.Has |= monitor.AttrID
		case ctaUse:
			f.Use = w.be32(v)
			e.Has |= monitor.AttrUse
		case ctaZone:
			f.Zone = w.be16(v)
			e.Has |= monitor.AttrZone
		case ctaProtoinfo:
			w.err = d.protoinfo(v, e, batch)
		case ctaCountersOrig:
			w.err = d.counters(v, &f.CountersOrig)
			e.Has |= monitor.AttrCountersOrig
		case ctaCountersReply:
			w.err = d.counters(v, &f.CountersReply)
			e.Has |= monitor.AttrCountersReply
		case ctaTimestamp:
			w.err = d.timestamp(v, e)
		case ctaTimestampEvent:
			e.Time, e.TimeSource = monitor.Time(w.be64(v)), monitor.TimeKernel
			e.Has |= monitor.AttrEventTime
		default:
			d.rare(&w, typ, v, e, batch)
		}
	}
	if w.err != nil {
		return w.err
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
