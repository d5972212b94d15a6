package ctnetlink

import (
	"encoding/binary"
	"fmt"

	"natlens/monitor"
)

// Decoder decodes ctnetlink messages into events. The zero value is ready. It is not safe
// for concurrent use.
type Decoder struct {
	Unknown   uint64 // unknown attributes, skipped
	Malformed uint64 // messages rejected with ErrTruncated or ErrMalformed
}

// The sizes of struct nlmsghdr and struct nfgenmsg, which precede the attributes.
const (
	nlmsgHeader = 16
	nfgenHeader = 4
	headers     = nlmsgHeader + nfgenHeader
)

// Message types and flags of linux/netlink.h and nfnetlink.h. The upper byte of a message
// type is the subsystem, the lower one is the type in it.
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
// nlmsghdr. Bytes after the message's own length are ignored.
//
// Raw and the byte slices of Extra point into msg, so they are valid until the caller
// changes it. Time is set only if the kernel sent one; otherwise the capture sets it.
//
// On an error nothing is appended, and Malformed is increased unless the error is
// [ErrNotConntrack]. A successful call does not allocate while the batch has capacity,
// except for labels on a big endian machine.
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
	if kind != monitor.KindExisting { // otherwise it is the port id of the request
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
		return monitor.KindNone // a request, in a recording of both directions
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

// attributes reads the attributes of a message into e.
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
			// On mips, sparc and older arm the kernel aligns CTA_TIMESTAMP_EVENT with
			// an empty CTA_TIMESTAMP_PAD. Its number, 3, is CTA_STATUS at this level.
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

// complete checks that there is an original tuple, and copies CTA_ZONE into the tuples.
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
	// The kernel sends no zone for the master. A packet matches an expectation only in
	// the zone of its master.
	if e.Has&monitor.AttrMaster != 0 && e.Extra.Master.Zone == 0 {
		e.Extra.Master.Zone = f.Orig.Zone
	}
	return nil
}
