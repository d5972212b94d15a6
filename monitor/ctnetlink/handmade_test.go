package ctnetlink

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
)

var (
	src = [4]byte{10, 0, 0, 1}
	dst = [4]byte{10, 0, 0, 2}

	orig      = tuple4(ctaTupleOrig, 6, src, dst, 1000, 80)
	origEvent = `new by 0
orig ipv4 tcp src 10.0.0.1 dst 10.0.0.2 sport 1000 dport 80
`
)

func decodeOne(t *testing.T, msg []byte) (*monitor.Event, Decoder) {
	t.Helper()
	var d Decoder
	var b monitor.Batch
	if err := d.Decode(msg, &b); err != nil {
		t.Fatal(err)
	}
	if s := leftover(&b.Events[0]); s != "" {
		t.Errorf("set, but not in Has: %s", s)
	}
	return &b.Events[0], d
}

// TestHandmade is about what the kernel of the golden files does not send: DCCP
// (its tracker went with Linux 6.15), security contexts (no SELinux there), what
// only conntrack(8) says, the padding of machines that align 64-bit numbers, and
// what a later kernel may add. The bytes are made here.
func TestHandmade(t *testing.T) {
	tests := []struct {
		name    string
		attrs   [][]byte
		want    string // after origEvent
		unknown uint64
	}{
		{name: "DCCP", attrs: [][]byte{nest(ctaProtoinfo, nest(ctaProtoinfoDCCP,
			attr(ctaDCCPState, 3), attr(ctaDCCPRole, 1), attr(ctaDCCPPad), num64(ctaDCCPHandshakeSeq, 1<<47)))},
			want: "state ESTABLISHED (3)\nrole 1\nhandshake seq 140737488355328\n"},
		{name: "SCTP", attrs: [][]byte{nest(ctaProtoinfo, nest(ctaProtoinfoSCTP,
			attr(ctaSCTPState, 3), num32(ctaSCTPVTagOrig, 1), num32(ctaSCTPVTagReply, 2)))},
			want: "state ESTABLISHED (3)\nvtag orig 0x1\nvtag reply 0x2\n"},
		{name: "TCP flags with masks", attrs: [][]byte{nest(ctaProtoinfo, nest(ctaProtoinfoTCP,
			attr(ctaTCPFlagsOrig, 0x0a, 0x0b), attr(ctaTCPFlagsReply, 0x0c, 0x0d)))},
			want: "tcp flags orig 0x0a mask 0x0b\ntcp flags reply 0x0c mask 0x0d\n"},
		{name: "security context loses its NUL", attrs: [][]byte{nest(ctaSecCtx,
			attr(ctaSecCtxName, []byte("system_u:object_r:unlabeled_t:s0\x00")...))},
			want: "secctx \"system_u:object_r:unlabeled_t:s0\"\n"},
		{name: "helper with its info", attrs: [][]byte{nest(ctaHelp,
			attr(ctaHelpName, []byte("sip\x00")...), attr(ctaHelpInfo, 1, 0, 2))},
			want: "helper \"sip\"\nhelper info 010002\n"},
		{name: "a helper's name without NUL", attrs: [][]byte{nest(ctaHelp, attr(ctaHelpName, []byte("sip")...))},
			want: "helper \"sip\"\n"},
		{
			name: "masks and the obsolete secmark",
			attrs: [][]byte{num32(ctaStatusMask, 1), num32(ctaMarkMask, 2), num32(ctaSecMark, 3),
				attr(ctaLabelsMask, label127(1)...)},
			want: "mark mask 0x2\nsecmark 3\nlabels mask " + strings.Repeat("0", 30) + "01\nstatus mask 0x1\n",
		},
		{name: "padding before 64-bit numbers", attrs: [][]byte{
			nest(
				ctaCountersOrig,
				attr(ctaCountersPad),
				num64(ctaCountersPackets, 1),
				attr(ctaCountersPad),
				num64(ctaCountersBytes, 2),
			),
			nest(
				ctaTimestamp,
				attr(ctaTimestampPad),
				num64(ctaTimestampStart, 3),
				attr(ctaTimestampPad),
				num64(ctaTimestampStop, 4),
			)},
			want: "orig packets 1 bytes 2\nstart 3\nstop 4\n"},
		{name: "padding before the event's time looks like an empty status", attrs: [][]byte{
			num32(ctaStatus, 8), attr(ctaTimestampPad), num64(ctaTimestampEvent, 5)},
			want: "status confirmed (0x8)\ntime 5 kernel\n"},
		{name: "a zone for all, and another for the reply", attrs: [][]byte{num16(ctaZone, 7), nest(ctaTupleReply,
			addrs4(dst, src), nest(ctaTupleProto, attr(ctaProtoNum, 253)), num16(ctaTupleZone, 9))},
			want: "ZONE 7\nreply ipv4 253 src 10.0.0.2 dst 10.0.0.1 zone 9\nzone 7\nzone reply\n"},
		{
			name:  "the master has the flow's zone",
			attrs: [][]byte{num16(ctaZone, 7), tuple4(ctaTupleMaster, 6, src, dst, 1, 2)},
			want:  "ZONE 7\nmaster ipv4 tcp src 10.0.0.1 dst 10.0.0.2 sport 1 dport 2 zone 7\nzone 7\n",
		},
		{name: "unknown attributes and children", attrs: [][]byte{
			attr(
				60,
				1,
				2,
				3,
			), attr(0x4000|61, 1), nest(62, attr(1)), attr(ctaNatSrc), attr(ctaNatDst), attr(ctaFilter), attr(0),
			nest(
				ctaProtoinfo,
				attr(9, 1),
				nest(ctaProtoinfoTCP, attr(9, 1)),
				nest(ctaProtoinfoSCTP, attr(9, 1)),
				nest(ctaProtoinfoDCCP, attr(9, 1)),
			),
			nest(ctaCountersOrig, num32(3, 1), num32(4, 1)), nest(ctaTimestamp, attr(9, 1)), nest(ctaHelp, attr(9, 1)),
			nest(ctaSecCtx, attr(9, 1)), nest(ctaSeqAdjOrig, attr(9, 1)), nest(ctaSynproxy, attr(9, 1)),
			nest(ctaTupleReply, nest(ctaTupleIP, attr(9, 1), attr(ctaIPv4Src, dst[:]...), attr(ctaIPv4Dst, src[:]...)),
				nest(ctaTupleProto, attr(ctaProtoNum, 6), attr(77, 1)), attr(9, 1))},
			want: "reply ipv4 tcp src 10.0.0.2 dst 10.0.0.1 sport 0 dport 0\norig packets 0 bytes 0\n" +
				"seqadj orig correction 0 before 0 after 0\nsynproxy isn 0 its 0 tsoff 0\n",
			unknown: 7 + 4 + 2 + 3 + 2 + 3},
		{name: "nests without NLA_F_NESTED, numbers with NLA_F_NET_BYTEORDER", attrs: [][]byte{
			attr(ctaSynproxy, num32(0x4000|ctaSynproxyISN, 1)...), num32(0x4000|ctaMark, 2)},
			want: "mark 0x2\nsynproxy isn 1 its 0 tsoff 0\n"},
		{name: "leftover bytes", attrs: [][]byte{num32(ctaUse, 1), {1, 2, 3}}, want: "use 1\n"},
		{name: "the last attribute comes without its padding", attrs: [][]byte{num16(ctaZone, 1)[:6]},
			want: "ZONE 1\nzone 1\n"},
		{name: "the last of two counts", attrs: [][]byte{num32(ctaMark, 1), num32(ctaMark, 2)}, want: "mark 0x2\n"},
		{name: "negative shifts", attrs: [][]byte{nest(ctaSeqAdjReply, num32(ctaSeqAdjCorrection, 1<<31),
			num32(ctaSeqAdjOffsetBefore, 0xffffffff), num32(ctaSeqAdjOffsetAfter, 0xfffffffe))},
			want: "seqadj reply correction 2147483648 before -1 after -2\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, d := decodeOne(t, message(typeNew, flagCreate|flagExcl, append([][]byte{orig}, tt.attrs...)...))
			want := origEvent
			if zone, ok := strings.CutPrefix(tt.want, "ZONE "); ok {
				n, rest, _ := strings.Cut(zone, "\n")
				want, tt.want = strings.TrimSuffix(want, "\n")+" zone "+n+"\n", rest
			}
			if diff := cmp.Diff(want+tt.want, render(e)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if d.Unknown != tt.unknown || d.Malformed > 0 {
				t.Errorf("counted %d unknown and %d malformed, want %d and 0", d.Unknown, d.Malformed, tt.unknown)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	cut := func(msg []byte, n int) []byte { return slices.Clip(msg[:n]) }
	whole := message(typeNew, 0, orig)
	addrs, ports := addrs4(src, dst), nest(ctaTupleProto, attr(ctaProtoNum, 6))
	flow := func(attrs ...[]byte) []byte { return message(typeNew, 0, append([][]byte{orig}, attrs...)...) }
	bare := func(attrs ...[]byte) []byte { return message(typeNew, 0, attrs...) }
	tuple := func(attrs ...[]byte) []byte { return bare(nest(ctaTupleOrig, attrs...)) }
	long := func(a []byte) []byte { // says that it is longer than it is
		a = slices.Clone(a)
		copy(a, attr(0, make([]byte, len(a))...)[:2])
		return a
	}
	short := slices.Clone(attr(ctaMark))
	copy(short, []byte{2, 2})
	lengthOf := func(n uint32) []byte {
		m := slices.Clone(whole)
		copy(m, message(0, 0, make([]byte, n))[:4])
		return m
	}
	tests := []struct {
		name string
		msg  []byte
		err  error
		text string
	}{
		{"no bytes", nil, ErrTruncated, "decode header: 0 bytes: message is cut short"},
		{"half a header", cut(whole, 15), ErrTruncated, "decode header: 15 bytes: message is cut short"},
		{"header alone", cut(whole, 16), ErrTruncated, "decode header: 16 bytes: message is cut short"},
		{
			"one byte too few",
			cut(whole, len(whole)-1),
			ErrTruncated,
			"decode header: length 72 of 71 bytes: message is cut short",
		},
		{
			"length beyond the bytes",
			lengthOf(100),
			ErrTruncated,
			"decode header: length 120 of 72 bytes: message is cut short",
		},
		{"no attributes", bare(), ErrMalformed, "decode flow: no original tuple: malformed attribute"},
		{
			"no original tuple",
			bare(tuple4(ctaTupleReply, 6, dst, src, 1, 2)),
			ErrMalformed,
			"decode flow: no original tuple: malformed attribute",
		},
		{"attribute shorter than its header", flow(short), ErrMalformed, ""},
		{
			"attribute longer than the message",
			flow(long(num32(ctaMark, 1))),
			ErrMalformed,
			"decode flow: length of the attribute 8 bytes before its end: malformed attribute",
		},
		{
			"status of 2 bytes",
			flow(num16(ctaStatus, 1)),
			ErrMalformed,
			"decode flow: value of 2 bytes: malformed attribute",
		},
		{
			"mark of 8 bytes",
			flow(num64(ctaMark, 1)),
			ErrMalformed,
			"decode flow: value of 8 bytes: malformed attribute",
		},
		{
			"timeout of no bytes",
			flow(attr(ctaTimeout)),
			ErrMalformed,
			"decode flow: value of 0 bytes: malformed attribute",
		},
		{"id", flow(attr(ctaID, 1)), ErrMalformed, "decode flow: value of 1 bytes: malformed attribute"},
		{"use", flow(attr(ctaUse, 1)), ErrMalformed, "decode flow: value of 1 bytes: malformed attribute"},
		{"zone", flow(num32(ctaZone, 1)), ErrMalformed, "decode flow: value of 4 bytes: malformed attribute"},
		{
			"event time",
			flow(num32(ctaTimestampEvent, 1)),
			ErrMalformed,
			"decode flow: value of 4 bytes: malformed attribute",
		},
		{"labels", flow(num64(ctaLabels, 1)), ErrMalformed, "decode flow: value of 8 bytes: malformed attribute"},
		{
			"labels mask",
			flow(num64(ctaLabelsMask, 1)),
			ErrMalformed,
			"decode flow: value of 8 bytes: malformed attribute",
		},
		{"secmark", flow(attr(ctaSecMark)), ErrMalformed, "decode flow: value of 0 bytes: malformed attribute"},
		{"mark mask", flow(attr(ctaMarkMask)), ErrMalformed, "decode flow: value of 0 bytes: malformed attribute"},
		{"status mask", flow(attr(ctaStatusMask)), ErrMalformed, "decode flow: value of 0 bytes: malformed attribute"},
		{
			"packets",
			flow(nest(ctaCountersOrig, num32(ctaCountersPackets, 1))),
			ErrMalformed,
			"decode counters: value of 4 bytes: malformed attribute",
		},
		{
			"bytes",
			flow(nest(ctaCountersReply, num32(ctaCountersBytes, 1))),
			ErrMalformed,
			"decode counters: value of 4 bytes: malformed attribute",
		},
		{"counters nest", flow(nest(ctaCountersReply, long(num64(ctaCountersBytes, 1)))), ErrMalformed, ""},
		{
			"start",
			flow(nest(ctaTimestamp, num32(ctaTimestampStart, 1))),
			ErrMalformed,
			"decode timestamp: value of 4 bytes: malformed attribute",
		},
		{
			"stop",
			flow(nest(ctaTimestamp, num32(ctaTimestampStop, 1))),
			ErrMalformed,
			"decode timestamp: value of 4 bytes: malformed attribute",
		},
		{"timestamp nest", flow(nest(ctaTimestamp, long(num64(1, 1)))), ErrMalformed, ""},
		{"helper nest", flow(nest(ctaHelp, long(attr(1)))), ErrMalformed, ""},
		{"secctx nest", flow(nest(ctaSecCtx, long(attr(1)))), ErrMalformed, ""},
		{
			"helper's name of 17 bytes",
			flow(nest(ctaHelp, attr(ctaHelpName, make([]byte, maxHelper+1)...))),
			ErrMalformed,
			"decode help: value of 17 bytes: malformed attribute",
		},
		{
			"helper's info of 33 bytes",
			flow(nest(ctaHelp, attr(ctaHelpInfo, make([]byte, maxHelperInfo+1)...))),
			ErrMalformed,
			"decode help: value of 33 bytes: malformed attribute",
		},
		{
			"labels of 20 bytes",
			flow(attr(ctaLabels, make([]byte, labelsSize+4)...)),
			ErrMalformed,
			"decode flow: value of 20 bytes: malformed attribute",
		},
		{
			"secctx of 4097 bytes",
			flow(nest(ctaSecCtx, attr(ctaSecCtxName, make([]byte, maxSecCtx+1)...))),
			ErrMalformed,
			"decode secctx: value of 4097 bytes: malformed attribute",
		},
		{
			"seqadj",
			flow(nest(ctaSeqAdjOrig, attr(1))),
			ErrMalformed,
			"decode seqadj: value of 0 bytes: malformed attribute",
		},
		{"seqadj nest", flow(nest(ctaSeqAdjReply, long(attr(1)))), ErrMalformed, ""},
		{
			"synproxy",
			flow(nest(ctaSynproxy, attr(3))),
			ErrMalformed,
			"decode synproxy: value of 0 bytes: malformed attribute",
		},
		{"synproxy nest", flow(nest(ctaSynproxy, long(attr(3)))), ErrMalformed, ""},
		{"protoinfo nest", flow(nest(ctaProtoinfo, long(attr(3)))), ErrMalformed, ""},
		{
			"tcp state",
			flow(nest(ctaProtoinfo, nest(ctaProtoinfoTCP, num16(ctaTCPState, 1)))),
			ErrMalformed,
			"decode protoinfo tcp: value of 2 bytes: malformed attribute",
		},
		{
			"tcp flags",
			flow(nest(ctaProtoinfo, nest(ctaProtoinfoTCP, attr(ctaTCPFlagsReply, 1)))),
			ErrMalformed,
			"decode protoinfo tcp: value of 1 bytes: malformed attribute",
		},
		{"tcp nest", flow(nest(ctaProtoinfo, nest(ctaProtoinfoTCP, long(attr(1, 1))))), ErrMalformed, ""},
		{
			"sctp state",
			flow(nest(ctaProtoinfo, nest(ctaProtoinfoSCTP, attr(ctaSCTPState)))),
			ErrMalformed,
			"decode protoinfo sctp: value of 0 bytes: malformed attribute",
		},
		{
			"sctp tag",
			flow(nest(ctaProtoinfo, nest(ctaProtoinfoSCTP, attr(ctaSCTPVTagOrig, 1)))),
			ErrMalformed,
			"decode protoinfo sctp: value of 1 bytes: malformed attribute",
		},
		{"sctp nest", flow(nest(ctaProtoinfo, nest(ctaProtoinfoSCTP, long(attr(1, 1))))), ErrMalformed, ""},
		{
			"dccp state",
			flow(nest(ctaProtoinfo, nest(ctaProtoinfoDCCP, attr(ctaDCCPState)))),
			ErrMalformed,
			"decode protoinfo dccp: value of 0 bytes: malformed attribute",
		},
		{
			"dccp role",
			flow(nest(ctaProtoinfo, nest(ctaProtoinfoDCCP, attr(ctaDCCPRole)))),
			ErrMalformed,
			"decode protoinfo dccp: value of 0 bytes: malformed attribute",
		},
		{
			"dccp seq",
			flow(nest(ctaProtoinfo, nest(ctaProtoinfoDCCP, num32(ctaDCCPHandshakeSeq, 1)))),
			ErrMalformed,
			"decode protoinfo dccp: value of 4 bytes: malformed attribute",
		},
		{"dccp nest", flow(nest(ctaProtoinfo, nest(ctaProtoinfoDCCP, long(attr(1, 1))))), ErrMalformed, ""},
		{
			"tuple without protocol",
			tuple(addrs),
			ErrMalformed,
			"decode tuple: no address or no protocol: malformed attribute",
		},
		{
			"tuple without addresses",
			tuple(ports),
			ErrMalformed,
			"decode tuple: no address or no protocol: malformed attribute",
		},
		{
			"tuple without destination",
			tuple(nest(ctaTupleIP, attr(ctaIPv4Src, src[:]...)), ports),
			ErrMalformed,
			"decode tuple: no address or no protocol: malformed attribute",
		},
		{
			"tuple of both families",
			tuple(nest(ctaTupleIP, attr(ctaIPv4Src, src[:]...), attr(ctaIPv6Dst, make([]byte, 16)...)), ports),
			ErrMalformed,
			"decode tuple address: both families: malformed attribute",
		},
		{
			"IPv4 address of 16 bytes",
			tuple(nest(ctaTupleIP, attr(ctaIPv4Src, make([]byte, 16)...)), ports),
			ErrMalformed,
			"decode tuple address: value of 16 bytes: malformed attribute",
		},
		{
			"IPv6 address of 4 bytes",
			tuple(nest(ctaTupleIP, attr(ctaIPv6Dst, src[:]...)), ports),
			ErrMalformed,
			"decode tuple address: value of 4 bytes: malformed attribute",
		},
		{
			"protocol number of 2 bytes",
			tuple(addrs, nest(ctaTupleProto, num16(ctaProtoNum, 6))),
			ErrMalformed,
			"decode tuple protocol: value of 2 bytes: malformed attribute",
		},
		{
			"port of 1 byte",
			tuple(addrs, nest(ctaTupleProto, attr(ctaProtoDstPort, 6))),
			ErrMalformed,
			"decode tuple protocol: value of 1 bytes: malformed attribute",
		},
		{
			"ICMP type of 2 bytes",
			tuple(addrs, nest(ctaTupleProto, num16(ctaProtoICMPType, 6))),
			ErrMalformed,
			"decode tuple protocol: value of 2 bytes: malformed attribute",
		},
		{
			"tuple zone",
			tuple(addrs, ports, attr(ctaTupleZone)),
			ErrMalformed,
			"decode tuple: value of 0 bytes: malformed attribute",
		},
		{"tuple nest", tuple(long(addrs)), ErrMalformed, ""},
		{"address nest", tuple(nest(ctaTupleIP, long(attr(1)))), ErrMalformed, ""},
		{"protocol nest", tuple(nest(ctaTupleProto, long(attr(1)))), ErrMalformed, ""},
		{
			"broken master",
			flow(nest(ctaTupleMaster, addrs)),
			ErrMalformed,
			"decode tuple: no address or no protocol: malformed attribute",
		},

		{"NLMSG_NOOP", message(1, 0), ErrNotConntrack, "not a message about a tracked flow"},
		{"NLMSG_ERROR", message(2, 0), ErrNotConntrack, ""},
		{"NLMSG_DONE", message(3, flagMulti), ErrNotConntrack, ""},
		{"NLMSG_OVERRUN", message(4, 0), ErrNotConntrack, ""},
		{"an expectation", message(0x0200, flagCreate, orig), ErrNotConntrack, ""},
		{"a get", message(0x0101, 0, orig), ErrNotConntrack, ""},
		{"statistics", message(0x0104, flagMulti, num32(1, 1)), ErrNotConntrack, ""},
		{"somebody asks for a flow to be made", message(typeNew, flagRequest|flagCreate, orig), ErrNotConntrack, ""},
		{"somebody asks for a flow to be destroyed", message(typeDelete, flagRequest, orig), ErrNotConntrack, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d Decoder
			var b monitor.Batch
			b.Add().Seq = 1
			err := d.Decode(tt.msg, &b)
			if !errors.Is(err, tt.err) || (tt.text != "" && err.Error() != tt.text) {
				t.Errorf("%v, want %q (%v)", err, tt.text, tt.err)
			}
			var malformed uint64
			if tt.err != ErrNotConntrack {
				malformed = 1
			}
			if d.Malformed != malformed {
				t.Errorf("%d counted as malformed, want %d", d.Malformed, malformed)
			}
			if len(b.Events) != 1 || b.Events[0].Seq != 1 {
				t.Errorf("the batch was changed: %+v", b.Events)
			}
		})
	}
}
