package ctnetlink

import (
	"encoding/binary"

	"natlens/monitor"
)

// Attributes of expectations: enum ctattr_expect,
// ctattr_expect_nat.
const (
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
	msg, err = body("expectation", msg)
	if x.Kind = kindOf(msg, typeExpectNew); err == nil && x.Kind == monitor.KindNone {
		return x, ErrNotConntrack
	}
	if err != nil {
		d.Malformed++
		return x, err
	}
	x.PortID = binary.NativeEndian.Uint32(msg[12:])
	r := reader{Decoder: d, expect: &x}
	r.read(inExpect, msg[headers:])
	if r.in = inExpect; r.err == nil && r.given != givenWhole {
		r.fail("tuple, mask or master missing")
	}
	if r.err != nil {
		d.Malformed++
	}
	return x, r.err
}

// The mandatory parts of an expectation.
const (
	givenTuple = 1 << iota
	givenMask
	givenMaster
	givenWhole = givenTuple | givenMask | givenMaster
)

// expectAttrs are what an expectation is known to have by an attribute.
var expectAttrs = [inStats]monitor.ExpectAttrs{
	inExpect | ctaExpectTimeout: monitor.ExpectTimeout, inExpect | ctaExpectID: monitor.ExpectID,
	inExpect | ctaExpectHelpName: monitor.ExpectHelper, inExpect | ctaExpectZone: monitor.ExpectZone,
	inExpect | ctaExpectClass: monitor.ExpectClass, inExpect | ctaExpectFunc: monitor.ExpectFunc,
	inExpect | ctaExpectNAT: monitor.ExpectNAT,
}

// expectation reads an attribute of an expectation, or of its NAT.
func (r *reader) expectation(typ object, v []byte) {
	x := r.expect
	x.Has |= expectAttrs[typ]
	switch typ {
	case inExpect | ctaExpectTuple:
		r.given |= givenTuple
		r.readTuple(v, &x.Tuple)
	case inExpect | ctaExpectMask:
		r.given |= givenMask
		r.readTuple(v, &x.Mask)
	case inExpect | ctaExpectMaster:
		r.given |= givenMaster
		r.readTuple(v, &x.Master)
	case inExpect | ctaExpectTimeout:
		x.Timeout = r.be32(v)
	case inExpect | ctaExpectID:
		x.ID = r.be32(v)
	case inExpect | ctaExpectHelpName:
		x.Helper = string(r.text(v, maxHelper))
	case inExpect | ctaExpectZone:
		x.Zone = r.be16(v)
	case inExpect | ctaExpectFlags:
		x.Flags = monitor.ExpectFlags(r.be32(v))
	case inExpect | ctaExpectClass:
		x.Class = r.be32(v)
	case inExpect | ctaExpectFunc:
		x.Func = string(r.text(v, maxExpectFunc))
	case inExpect | ctaExpectNAT:
		r.read(inExpectNAT, v)
	case inExpectNAT | ctaExpectNATDir:
		x.NATDir = r.be32(v)
	case inExpectNAT | ctaExpectNATTuple:
		r.readTuple(v, &x.NAT)
	default:
		r.Unknown++
	}
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
