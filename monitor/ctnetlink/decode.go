package ctnetlink

import (
	"encoding/binary"
	"errors"
	"fmt"

	"natlens/monitor"
)

// Decoder decodes ctnetlink messages into events. The zero value is ready to use. It is not
// safe for concurrent use.
type Decoder struct {
	Unknown   uint64 // unknown attributes, skipped
	Malformed uint64 // messages rejected with ErrTruncated or ErrMalformed

	// The state of the current message. Attributes set fields of one of the results.
	err      error         // the first one, at which decoding stops
	in       object        // the object whose attributes are read
	has      monitor.Attrs // of the event, or monitor.ExpectAttrs
	event    *monitor.Event
	flow     *monitor.Flow // of the event
	batch    *monitor.Batch
	expect   *monitor.Expect
	number   func(typ uint8, n uint32) // called with each attribute of statistics
	tuple    *monitor.Tuple
	seen     uint8 // parts of the tuple
	counters *monitor.Counters
	seqAdj   *monitor.SeqAdj
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
	typeNew       = subsysConntrack << 8 // IPCTNL_MSG_CT_NEW
	typeExpectNew = subsysExpect << 8    // IPCTNL_MSG_EXP_NEW
	msgDelete     = 2                    // IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_EXP_DELETE

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
	kind := kindOf(msg, typeNew)
	if len(msg) >= nlmsgHeader && kind == monitor.KindNone {
		return ErrNotConntrack
	}
	msg, err := body("header", msg)
	if err != nil {
		d.Malformed++
		return err
	}
	e := b.Add()
	e.Kind, e.Raw = kind, msg
	if kind != monitor.KindExisting { // otherwise it is the port id of the request
		e.PortID = binary.NativeEndian.Uint32(msg[12:])
	}
	d.err, d.has, d.event, d.flow, d.batch = nil, 0, e, &e.Flow, b
	d.read(inFlow, msg[headers:])
	if e.Has = d.has; d.err == nil {
		d.err = complete(e)
	}
	if d.err != nil {
		b.Drop()
		d.Malformed++
	}
	return d.err
}

// kindOf returns what a message reports, by its nlmsghdr; KindNone if it is not of the subsystem of the type created.
// Events have the sequence number 0 and no NLM_F_MULTI. The answer to a dump or a get has the number of its request,
// and NLM_F_MULTI if the request came from a socket with a port id (ctnetlink_fill_info).
func kindOf(msg []byte, created uint16) monitor.Kind {
	if len(msg) < nlmsgHeader {
		return monitor.KindNone
	}
	flags := binary.NativeEndian.Uint16(msg[6:])
	switch typ := binary.NativeEndian.Uint16(msg[4:]); {
	case flags&flagRequest != 0: // in a recording of both directions
	case typ == created+msgDelete:
		return monitor.KindDestroy
	case typ != created:
	case flags&(flagMulti|flagDumpFiltered) != 0 || binary.NativeEndian.Uint32(msg[8:]) != 0:
		return monitor.KindExisting
	case flags&(flagCreate|flagExcl) != 0:
		return monitor.KindNew
	default:
		return monitor.KindUpdate
	}
	return monitor.KindNone
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

var (
	// ErrNotConntrack is returned for a valid message that is not about a flow: of
	// another subsystem (also expectations), a request, an answer of another type
	// (statistics), or NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE and NLMSG_OVERRUN.
	ErrNotConntrack = errors.New("not a message about a tracked flow")

	// ErrTruncated is returned for fewer bytes than the message's header states.
	ErrTruncated = errors.New("message is cut short")

	// ErrMalformed is returned for an attribute with an impossible length or size, or a
	// tuple without an address or a protocol.
	ErrMalformed = errors.New("malformed attribute")
)
