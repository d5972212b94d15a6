package ctnetlink

import (
	"encoding/binary"
	"fmt"

	"natlens/monitor"
)

// Message types of expectations, and their attributes: enum ctattr_expect,
// ctattr_expect_nat.
const (
	typeExpectNew    = 0x0200 // NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_NEW
	typeExpectDelete = 0x0202 // NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_DELETE

	ctaExpectMaster   = 1
	ctaExpectTuple    = 2
	ctaExpectMask     = 3
	ctaExpectTimeout  = 4
	ctaExpectID       = 5
	ctaExpectHelpName = 6
	ctaExpectZone     = 7
	ctaExpectFlags    = 8
	ctaExpectClass    = 9
	ctaExpectNAT      = 10
	ctaExpectFunc     = 11

	ctaExpectNATDir   = 1
	ctaExpectNATTuple = 2
)

// DecodeExpect decodes a message about an expectation: an event, or a part of a dump. For
// other messages it returns [ErrNotConntrack]. The result does not point into msg.
func (d *Decoder) DecodeExpect(msg []byte) (x monitor.Expect, err error) {
	if len(msg) < headers {
		d.Malformed++
		return x, fmt.Errorf("decode expectation: %d bytes: %w", len(msg), ErrTruncated)
	}
	if x.Kind = expectKindOf(msg); x.Kind == monitor.KindNone {
		return x, ErrNotConntrack
	}
	n := uint64(binary.NativeEndian.Uint32(msg))
	if n < headers || n > uint64(len(msg)) {
		d.Malformed++
		return x, fmt.Errorf("decode expectation: length %d of %d bytes: %w", n, len(msg), ErrTruncated)
	}
	x.PortID = binary.NativeEndian.Uint32(msg[12:])
	if err := d.expect(msg[headers:n], &x); err != nil {
		d.Malformed++
		return x, err
	}
	return x, nil
}

func expectKindOf(msg []byte) monitor.Kind {
	flags := binary.NativeEndian.Uint16(msg[6:])
	switch typ := binary.NativeEndian.Uint16(msg[4:]); {
	case flags&flagRequest != 0:
	case typ == typeExpectDelete:
		return monitor.KindDestroy
	case typ == typeExpectNew && (flags&flagMulti != 0 || binary.NativeEndian.Uint32(msg[8:]) != 0):
		return monitor.KindExisting
	case typ == typeExpectNew && flags&(flagCreate|flagExcl) != 0:
		return monitor.KindNew
	case typ == typeExpectNew:
		return monitor.KindUpdate
	}
	return monitor.KindNone
}

func (d *Decoder) expect(b []byte, x *monitor.Expect) error {
	seen := 0
	w := walk{op: "expectation"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaExpectTuple:
			seen |= 1
			_, w.err = d.tuple(v, &x.Tuple)
		case ctaExpectMask:
			seen |= 2
			_, w.err = d.tuple(v, &x.Mask)
		case ctaExpectMaster:
			seen |= 4
			_, w.err = d.tuple(v, &x.Master)
		case ctaExpectTimeout:
			x.Timeout = w.be32(v)
			x.Has |= monitor.ExpectTimeout
		case ctaExpectID:
			x.ID = w.be32(v)
			x.Has |= monitor.ExpectID
		case ctaExpectHelpName:
			x.Helper = string(w.text(v, maxHelper))
			x.Has |= monitor.ExpectHelper
		case ctaExpectZone:
			x.Zone = w.be16(v)
			x.Has |= monitor.ExpectZone
		case ctaExpectFlags:
			x.Flags = monitor.ExpectFlags(w.be32(v))
		case ctaExpectClass:
			x.Class = w.be32(v)
			x.Has |= monitor.ExpectClass
		case ctaExpectNAT:
			x.Has |= monitor.ExpectNAT
			w.err = d.expectNAT(v, x)
		case ctaExpectFunc:
			x.Func = string(w.text(v, maxExpectFunc))
			x.Has |= monitor.ExpectFunc
		default:
			d.Unknown++
		}
	}
	if w.err == nil && seen != 7 {
		w.err = fmt.Errorf("decode expectation: tuple, mask or master missing: %w", ErrMalformed)
	}
	return w.err
}

func (d *Decoder) expectNAT(b []byte, x *monitor.Expect) error {
	w := walk{op: "expectation's NAT"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaExpectNATDir:
			x.NATDir = w.be32(v)
		case ctaExpectNATTuple:
			_, w.err = d.tuple(v, &x.NAT)
		default:
			d.Unknown++
		}
	}
	return w.err
}

// BeginExpect begins a message about expectations. op is OpNew, OpGet or OpDelete;
// OpDelete without a tuple deletes all.
func (r *Request) BeginExpect(op Op, flags uint16, family monitor.Family) {
	r.begin(subsysExpect, uint8(op), flags, family)
}

// ExpectTuple appends CTA_EXPECT_TUPLE, which identifies an expectation, and
// CTA_EXPECT_ZONE if its zone is not 0.
func (r *Request) ExpectTuple(t *monitor.Tuple) {
	r.tuple(ctaExpectTuple, t, false)
	if t.Zone != 0 {
		r.be16(ctaExpectZone, t.Zone)
	}
}

// Expect appends tuple, mask, master, timeout, flags and class of a new expectation.
func (r *Request) Expect(x *monitor.Expect) {
	r.ExpectTuple(&x.Tuple)
	r.tuple(ctaExpectMask, &x.Mask, false)
	r.tuple(ctaExpectMaster, &x.Master, false)
	r.be32(ctaExpectTimeout, x.Timeout)
	r.be32(ctaExpectFlags, uint32(x.Flags))
	r.be32(ctaExpectClass, x.Class)
}
