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
	r := reader{expect: &x}
	r.read(inExpect, msg[headers:])
	d.Unknown += r.unknown
	if r.in = inExpect; r.err == nil && r.has&givenWhole != givenWhole {
		r.fail("tuple, mask or master missing")
	}
	if x.Has = monitor.ExpectAttrs(r.has &^ givenWhole); r.err != nil {
		d.Malformed++
	}
	return x, r.err
}

// The mandatory parts of an expectation, beside monitor.ExpectAttrs.
const (
	givenTuple monitor.Attrs = 1 << (16 + iota)
	givenMask
	givenMaster
	givenWhole = givenTuple | givenMask | givenMaster
)

func init() {
	know(map[object]attribute{
		inExpect | ctaExpectTuple:  {givenTuple, func(r *reader) { r.readTuple(&r.expect.Tuple) }},
		inExpect | ctaExpectMask:   {givenMask, func(r *reader) { r.readTuple(&r.expect.Mask) }},
		inExpect | ctaExpectMaster: {givenMaster, func(r *reader) { r.readTuple(&r.expect.Master) }},
		inExpect | ctaExpectTimeout: {monitor.Attrs(monitor.ExpectTimeout), func(r *reader) {
			r.expect.Timeout = r.be32()
		}},
		inExpect | ctaExpectID: {monitor.Attrs(monitor.ExpectID), func(r *reader) { r.expect.ID = r.be32() }},
		inExpect | ctaExpectHelpName: {monitor.Attrs(monitor.ExpectHelper), func(r *reader) {
			r.expect.Helper = string(r.text(maxHelper))
		}},
		inExpect | ctaExpectZone:  {monitor.Attrs(monitor.ExpectZone), func(r *reader) { r.expect.Zone = r.be16() }},
		inExpect | ctaExpectFlags: {0, func(r *reader) { r.expect.Flags = monitor.ExpectFlags(r.be32()) }},
		inExpect | ctaExpectClass: {monitor.Attrs(monitor.ExpectClass), func(r *reader) { r.expect.Class = r.be32() }},
		inExpect | ctaExpectFunc: {monitor.Attrs(monitor.ExpectFunc), func(r *reader) {
			r.expect.Func = string(r.text(maxExpectFunc))
		}},
		inExpect | ctaExpectNAT:         {monitor.Attrs(monitor.ExpectNAT), children(inExpectNAT)},
		inExpectNAT | ctaExpectNATDir:   {0, func(r *reader) { r.expect.NATDir = r.be32() }},
		inExpectNAT | ctaExpectNATTuple: {0, func(r *reader) { r.readTuple(&r.expect.NAT) }},
	})
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
