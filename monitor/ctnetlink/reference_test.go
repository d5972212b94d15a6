//go:build linux

package ctnetlink

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

	"natlens/monitor"
)

// The reference builds on Linux alone.

// reference is ti-mo/conntrack's reading of a message.
func reference(msg []byte) (*conntrack.Event, error) {
	var m netlink.Message
	if err := m.UnmarshalBinary(msg); err != nil {
		return nil, err
	}
	e := new(conntrack.Event)
	if err := e.Unmarshal(m); err != nil {
		return nil, err
	}
	return e, nil
}

// asReference says in ti-mo/conntrack's words what our event says. Where the two
// differ on purpose:
//
//   - absent and zero are the same there, and so are port id, family, event time
//     (CTA_TIMESTAMP_EVENT), the obsolete CTA_SECMARK and the masks of status and
//     mark: not there at all;
//   - a GRE key is a port there, and here it is in SrcPort and DstPort, too;
//   - a security context keeps its NUL there;
//   - TCP flags are one number there, {flags, mask} here;
//   - labels are the host's words there, and little endian here;
//   - CTA_ZONE is not copied into the tuples there;
//   - a flow that answers a dump is an update there, by the flags of its message.
func asReference(e *monitor.Event) *conntrack.Flow {
	f, x := &e.Flow, e.Extra
	if x == nil {
		x = new(monitor.Extra)
	}
	r := &conntrack.Flow{
		ID: f.ID, Timeout: f.Timeout, Status: conntrack.Status(f.Status), Zone: f.Zone, Mark: f.Mark, Use: f.Use,
		Helper:     conntrack.Helper{Name: string(x.Helper), Info: x.HelperInfo},
		TupleOrig:  asReferenceTuple(f.Orig, e.Has.Any(monitor.AttrZoneOrig)),
		TupleReply: asReferenceTuple(f.Reply, e.Has.Any(monitor.AttrZoneReply)),
		// Only the master's zone is a conclusion of ours.
		TupleMaster:  asReferenceTuple(x.Master, false),
		CountersOrig: conntrack.Counter{Packets: f.CountersOrig.Packets, Bytes: f.CountersOrig.Bytes},
		CountersReply: conntrack.Counter{
			Packets:   f.CountersReply.Packets,
			Bytes:     f.CountersReply.Bytes,
			Direction: e.Has.Any(monitor.AttrCountersReply),
		},
		SeqAdjOrig:  asReferenceSeqAdj(x.SeqAdjOrig, false),
		SeqAdjReply: asReferenceSeqAdj(x.SeqAdjReply, e.Has.Any(monitor.AttrSeqAdjReply)),
		SynProxy:    conntrack.SynProxy{ISN: x.Synproxy.ISN, ITS: x.Synproxy.ITS, TSOff: x.Synproxy.TSOff},
		Labels:      littleWords(x.Labels), LabelsMask: littleWords(x.LabelsMask),
	}
	if e.Has.Any(monitor.AttrSecCtx) {
		r.SecurityContext = conntrack.Security(append(x.SecCtx[:len(x.SecCtx):len(x.SecCtx)], 0))
	}
	if e.Has.Any(monitor.AttrStart) {
		r.Timestamp.Start = time.Unix(0, int64(f.Start))
	}
	if e.Has.Any(monitor.AttrStop) {
		r.Timestamp.Stop = time.Unix(0, int64(f.Stop))
	}
	if !e.Has.Any(monitor.AttrState) {
		return r
	}
	switch f.Orig.Proto {
	case monitor.TCP:
		r.ProtoInfo.TCP = &conntrack.ProtoInfoTCP{State: uint8(f.State),
			OriginalWindowScale: f.TCP.WScaleOrig, ReplyWindowScale: f.TCP.WScaleReply,
			OriginalFlags: uint16(f.TCP.FlagsOrig)<<8 | uint16(f.TCP.MaskOrig),
			ReplyFlags:    uint16(f.TCP.FlagsReply)<<8 | uint16(f.TCP.MaskReply)}
	case monitor.SCTP:
		r.ProtoInfo.SCTP = &conntrack.ProtoInfoSCTP{
			State:        uint8(f.State),
			VTagOriginal: x.VTagOrig,
			VTagReply:    x.VTagReply,
		}
	case monitor.DCCP:
		r.ProtoInfo.DCCP = &conntrack.ProtoInfoDCCP{State: uint8(f.State), Role: x.DCCPRole, HandshakeSeq: x.DCCPSeq}
	}
	return r
}

func asReferenceSeqAdj(s monitor.SeqAdj, reply bool) conntrack.SequenceAdjust {
	return conntrack.SequenceAdjust{Direction: reply, Position: s.Correction,
		OffsetBefore: uint32(s.OffsetBefore), OffsetAfter: uint32(s.OffsetAfter)}
}

func asReferenceTuple(t monitor.Tuple, zone bool) conntrack.Tuple {
	if t.Family == 0 {
		return conntrack.Tuple{}
	}
	r := conntrack.Tuple{
		IP: conntrack.IPTuple{
			SourceAddress:      asReferenceAddr(t.Src, t.Family),
			DestinationAddress: asReferenceAddr(t.Dst, t.Family),
		},
		Proto: conntrack.ProtoTuple{Protocol: uint8(t.Proto)},
	}
	if zone {
		r.Zone = t.Zone
	}
	if t.Proto.IsICMP() {
		r.Proto.ICMPv4, r.Proto.ICMPv6 = t.Proto == monitor.ICMP, t.Proto == monitor.ICMPv6
		r.Proto.ICMPID, r.Proto.ICMPType, r.Proto.ICMPCode = t.ICMPID(), t.ICMPType(), t.ICMPCode()
	} else {
		r.Proto.SourcePort, r.Proto.DestinationPort = t.SrcPort, t.DstPort
	}
	return r
}

func asReferenceAddr(a monitor.Addr, f monitor.Family) netip.Addr {
	if f == monitor.IPv4 {
		return netip.AddrFrom16(a).Unmap()
	}
	return netip.AddrFrom16(a)
}

func asReferenceType(k monitor.Kind) any {
	switch k {
	case monitor.KindNew:
		return conntrack.EventNew
	case monitor.KindDestroy:
		return conntrack.EventDestroy
	}
	return conntrack.EventUpdate
}

var compareAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// agree compares one message's two readings.
func agree(t testing.TB, msg []byte, e *monitor.Event) {
	t.Helper()
	ref, err := reference(msg)
	if err != nil {
		t.Errorf("the reference refuses it: %v", err)
		return
	}
	if any(ref.Type) != asReferenceType(e.Kind) {
		t.Errorf("%s, the reference says %s", e.Kind, ref.Type)
	}
	if diff := cmp.Diff(ref.Flow, asReference(e), compareAddr); diff != "" {
		t.Errorf("(-reference +ours)\n%s", diff)
	}
}

// TestReference holds every golden message against ti-mo/conntrack.
func TestReference(t *testing.T) {
	for _, g := range goldenAll(t) {
		var d Decoder
		var b monitor.Batch
		if err := d.Decode(g.msg, &b); err != nil {
			t.Fatalf("%s: %v", g.name(), err)
		}
		t.Run(g.name(), func(t *testing.T) { agree(t, g.msg, &b.Events[0]) })
	}
}

// TestReferenceHandmade does the same with messages that the kernel of the
// golden files does not send.
func TestReferenceHandmade(t *testing.T) {
	dccp := tuple4(ctaTupleOrig, 33, src, dst, 1000, 80)
	for name, attrs := range map[string][][]byte{
		"DCCP":             {dccp, nest(ctaProtoinfo, nest(ctaProtoinfoDCCP, attr(ctaDCCPState, 4), attr(ctaDCCPRole, 1), num64(ctaDCCPHandshakeSeq, 7)))},
		"security context": {orig, nest(ctaSecCtx, attr(ctaSecCtxName, []byte("a:b\x00")...))},
		"helper's info":    {orig, nest(ctaHelp, attr(ctaHelpName, []byte("sip\x00")...), attr(ctaHelpInfo, 1, 2))},
		"labels mask":      {orig, attr(ctaLabels, label127(1)...), attr(ctaLabelsMask, label127(3)...)},
	} {
		t.Run(name, func(t *testing.T) {
			msg := message(typeNew, flagCreate, attrs...)
			e, _ := decodeOne(t, msg)
			agree(t, msg, e)
		})
	}
}

// TestReferenceRefuses pins the messages that ti-mo/conntrack gives up on and
// this package reads: the reason why it has a decoder of its own.
func TestReferenceRefuses(t *testing.T) {
	for name, attrs := range map[string][][]byte{
		"unknown child":      {orig, nest(ctaSynproxy, attr(9, 1))},
		"padded timestamp":   {orig, nest(ctaTimestamp, attr(ctaTimestampPad), num64(ctaTimestampStart, 1))},
		"padded event time":  {orig, attr(ctaTimestampPad), num64(ctaTimestampEvent, 1)},
		"nest without a bit": {orig, attr(ctaSynproxy, num32(ctaSynproxyISN, 1)...)},
	} {
		t.Run(name, func(t *testing.T) {
			msg := message(typeNew, 0, attrs...)
			decodeOne(t, msg)
			if _, err := reference(msg); err == nil {
				t.Error("the reference reads it today: move it to TestReferenceHandmade")
			}
		})
	}
}

func BenchmarkReference(b *testing.B) {
	for _, bm := range benched {
		msg := benchedMessage(b, bm.file, bm.comment, bm.nth)
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := reference(msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
