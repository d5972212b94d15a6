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
	d.err, d.has, d.expect = nil, 0, &x
	d.read(inExpect, msg[headers:])
	if d.in = inExpect; d.err == nil && d.has&givenWhole != givenWhole {
		d.fail("tuple, mask or master missing")
	}
	if x.Has = monitor.ExpectAttrs(d.has &^ givenWhole); d.err != nil {
		d.Malformed++
	}
	return x, d.err
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
		inExpect | ctaExpectTuple:  {givenTuple, 0, func(d *Decoder, v []byte) { d.readTuple(v, &d.expect.Tuple) }},
		inExpect | ctaExpectMask:   {givenMask, 0, func(d *Decoder, v []byte) { d.readTuple(v, &d.expect.Mask) }},
		inExpect | ctaExpectMaster: {givenMaster, 0, func(d *Decoder, v []byte) { d.readTuple(v, &d.expect.Master) }},
		inExpect | ctaExpectTimeout: {monitor.Attrs(monitor.ExpectTimeout), 4, func(d *Decoder, v []byte) {
			d.expect.Timeout = be32(v)
		}},
		inExpect | ctaExpectID: {monitor.Attrs(monitor.ExpectID), 4, func(d *Decoder, v []byte) {
			d.expect.ID = be32(v)
		}},
		inExpect | ctaExpectHelpName: {monitor.Attrs(monitor.ExpectHelper), 0, func(d *Decoder, v []byte) {
			d.expect.Helper = string(d.text(v, maxHelper))
		}},
		inExpect | ctaExpectZone: {monitor.Attrs(monitor.ExpectZone), 2, func(d *Decoder, v []byte) {
			d.expect.Zone = be16(v)
		}},
		inExpect | ctaExpectFlags: {0, 4, func(d *Decoder, v []byte) { d.expect.Flags = monitor.ExpectFlags(be32(v)) }},
		inExpect | ctaExpectClass: {monitor.Attrs(monitor.ExpectClass), 4, func(d *Decoder, v []byte) {
			d.expect.Class = be32(v)
		}},
		inExpect | ctaExpectFunc: {monitor.Attrs(monitor.ExpectFunc), 0, func(d *Decoder, v []byte) {
			d.expect.Func = string(d.text(v, maxExpectFunc))
		}},
		inExpect | ctaExpectNAT:         {monitor.Attrs(monitor.ExpectNAT), 0, children(inExpectNAT)},
		inExpectNAT | ctaExpectNATDir:   {0, 4, func(d *Decoder, v []byte) { d.expect.NATDir = be32(v) }},
		inExpectNAT | ctaExpectNATTuple: {0, 0, func(d *Decoder, v []byte) { d.readTuple(v, &d.expect.NAT) }},
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
