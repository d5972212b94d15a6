package filter

import (
	"math"
	"net/netip"
	"slices"
	"strings"

	"natlens/monitor"
)

type fieldInfo struct {
	names []string // the canonical one first, folded as fold does
	kind  *valueKind
	max   uint64
	attrs monitor.Attrs               // the field is known if one of these is; 0: always
	doc   string                      // description for help and completion
	value func(*monitor.Event) uint64 // reads a number; nil: compile has special code
}

const (
	max8  = math.MaxUint8
	max16 = math.MaxUint16
	max32 = math.MaxUint32
	max64 = math.MaxUint64
)

var fields = [...]fieldInfo{
	FieldFamily: {[]string{"family"}, kindFamily, max8, 0, "address family: ipv4, ipv6",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Orig.Family) }},
	FieldProto: {[]string{"proto", "protonum"}, kindProto, max8, 0, "protocol: tcp, udp, 47 …",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Orig.Proto) }},
	FieldOrigSrc:  {[]string{"src", "orig.src"}, kindAddr, 0, 0, "source address, original direction", nil},
	FieldOrigDst:  {[]string{"dst", "orig.dst"}, kindAddr, 0, 0, "destination address, original direction", nil},
	FieldReplySrc: {[]string{"reply.src"}, kindAddr, 0, 0, "source address, reply direction", nil},
	FieldReplyDst: {[]string{"reply.dst"}, kindAddr, 0, 0, "destination address, reply direction", nil},
	FieldOrigL4Src: {[]string{"orig.l4src"}, kindNone, max16, 0, "",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Orig.SrcPort) }},
	FieldOrigL4Dst: {[]string{"orig.l4dst"}, kindNone, max16, 0, "",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Orig.DstPort) }},
	FieldReplyL4Src: {[]string{"reply.l4src"}, kindNone, max16, 0, "",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Reply.SrcPort) }},
	FieldReplyL4Dst: {[]string{"reply.l4dst"}, kindNone, max16, 0, "",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Reply.DstPort) }},
	FieldOrigZone: {[]string{"orig.zone"}, kindNumber, max16, monitor.AttrZone | monitor.AttrZoneOrig,
		"zone of the original direction",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Orig.Zone) }},
	FieldReplyZone: {[]string{"reply.zone"}, kindNumber, max16, monitor.AttrZone | monitor.AttrZoneReply,
		"zone of the reply direction",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Reply.Zone) }},
	FieldHost: {[]string{"host", "net"}, kindAddr, 0, 0,
		"any of the four addresses; host and net are the same", nil},
	FieldPort:      {[]string{"port", "portrange"}, kindPort, max16, 0, "either port, original direction", nil},
	FieldOrigSPort: {[]string{"sport", "orig.sport"}, kindPort, max16, 0, "source port, original direction", nil},
	FieldOrigDPort: {[]string{"dport", "orig.dport"}, kindPort, max16, 0,
		"destination port, original direction", nil},
	FieldReplySPort:  {[]string{"reply.sport"}, kindPort, max16, 0, "source port, reply direction", nil},
	FieldReplyDPort:  {[]string{"reply.dport"}, kindPort, max16, 0, "destination port, reply direction", nil},
	FieldICMPType:    {[]string{"icmp.type"}, kindNumber, max8, 0, "ICMP or ICMPv6 type", nil},
	FieldICMPCode:    {[]string{"icmp.code"}, kindNumber, max8, 0, "ICMP or ICMPv6 code", nil},
	FieldICMPID:      {[]string{"icmp.id"}, kindNumber, max16, 0, "ICMP or ICMPv6 id", nil},
	FieldReplyICMPID: {[]string{"reply.icmp.id"}, kindNumber, max16, 0, "ICMP or ICMPv6 id, reply direction", nil},
	FieldOrigSrcKey: {[]string{"srckey", "orig.srckey"}, kindHex, max16, 0,
		"GRE source key, original direction", nil},
	FieldOrigDstKey: {[]string{"dstkey", "orig.dstkey"}, kindHex, max16, 0,
		"GRE destination key, original direction", nil},
	FieldReplySrcKey: {[]string{"reply.srckey"}, kindHex, max16, 0, "GRE source key, reply direction", nil},
	FieldReplyDstKey: {[]string{"reply.dstkey"}, kindHex, max16, 0, "GRE destination key, reply direction", nil},
	FieldZone: {[]string{"zone"}, kindNumber, max16, monitor.AttrZone, "zone of both directions",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Zone) }},
	FieldNAT: {[]string{"nat"}, kindNAT, 0, 0, "what is rewritten: none, snat, dnat, snat+dnat …",
		func(e *monitor.Event) uint64 { return natBits(&e.Flow) }},
	FieldNATSrc:   {[]string{"nat.src"}, kindAddr, 0, 0, "source address after SNAT", nil},
	FieldNATDst:   {[]string{"nat.dst"}, kindAddr, 0, 0, "destination address after DNAT", nil},
	FieldNATSPort: {[]string{"nat.sport"}, kindPort, max16, 0, "source port after SNAT", nil},
	FieldNATDPort: {[]string{"nat.dport"}, kindPort, max16, 0, "destination port after DNAT", nil},
	FieldEvent: {[]string{"event"}, kindEvent, max8, 0, "kind of event: new, update, destroy, existing, interim",
		func(e *monitor.Event) uint64 { return uint64(e.Kind) }},
	FieldInferred: {[]string{"inferred"}, kindFlag, 1, 0, "derived from a resync, not sent by the kernel", inferred},
	FieldGen: {[]string{"gen", "flow"}, kindNumber, max64, 0, "number of the flow in this run; also flow",
		func(e *monitor.Event) uint64 { return e.Gen }},
	FieldMark: {[]string{"mark"}, kindHex, max32, monitor.AttrMark, "connection mark; 0 if unmarked",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Mark) }},
	FieldState: {[]string{"state"}, kindState, max16, monitor.AttrState, "state of a TCP, SCTP or DCCP connection",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Orig.Proto)<<8 | uint64(e.Flow.State) }},
	FieldStatus: {[]string{"status"}, kindStatus, max32, monitor.AttrStatus, "status bit: assured, seen_reply …",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Status) }},
	FieldAge:    {[]string{"age"}, kindDuration, math.MaxInt64, monitor.AttrStart, "time since the flow began", nil},
	FieldHelper: {[]string{"helper"}, kindText, 0, monitor.AttrHelper, "name of the helper: ftp, sip …", nil},
	FieldLabel:  {[]string{"label"}, kindLabel, 127, monitor.AttrLabels, "label bit that is set", nil},
	FieldSecCtx: {[]string{"secctx"}, kindText, 0, monitor.AttrSecCtx, "security context", nil},
	FieldMaster: {[]string{"master"}, kindFlag, 1, monitor.AttrMaster, "has a master: a helper expected it", nil},
	FieldPath: {[]string{"path"}, kindPath, max8, 0, "way through this host: forward, local-out, local-in, loopback",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Path) }},
	FieldNetNS:   {[]string{"netns"}, kindText, 0, 0, "network namespace, if several are watched", nil},
	FieldGateway: {[]string{"gateway"}, kindText, 0, 0, "gateway of the event, if its recording has gateways", nil},
	FieldProcess: {[]string{"process"}, kindName, 0, 0, "name of the process on this host", nil},
	FieldUser:    {[]string{"user"}, kindName, 0, 0, "user of the socket: name or id", nil},
	FieldContainer: {[]string{"container"}, kindName, 0, 0,
		"name or first 12 digits of the container on this host", nil},
	FieldPod:        {[]string{"pod"}, kindName, 0, 0, "pod on this host: namespace/name", nil},
	FieldCountry:    {[]string{"country"}, kindPlace, 0, 0, "country of source or destination: de, us …", nil},
	FieldCountrySrc: {[]string{"src.country"}, kindPlace, 0, 0, "country of the source", nil},
	FieldCountryDst: {[]string{"dst.country"}, kindPlace, 0, 0, "country of the destination", nil},
	FieldCity:       {[]string{"city"}, kindPlace, 0, 0, "city of source or destination", nil},
	FieldCitySrc:    {[]string{"src.city"}, kindPlace, 0, 0, "city of the source", nil},
	FieldCityDst:    {[]string{"dst.city"}, kindPlace, 0, 0, "city of the destination", nil},
	FieldAS: {[]string{"as", "asn"}, kindPlace, 0, 0,
		"autonomous system of source or destination: number or name", nil},
	FieldASSrc: {[]string{"src.as"}, kindPlace, 0, 0, "autonomous system of the source", nil},
	FieldASDst: {[]string{"dst.as"}, kindPlace, 0, 0, "autonomous system of the destination", nil},

	{[]string{"portid"}, kindNumber, max32, 0, "netlink port of the program that caused the event, 0 for traffic",
		func(e *monitor.Event) uint64 { return uint64(e.PortID) }},
	{[]string{"id"}, kindNumber, max32, monitor.AttrID, "the kernel's id of the entry",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.ID) }},
	{[]string{"timeout"}, kindDuration, max32 * second, monitor.AttrTimeout,
		"time until the flow ends if no packet comes",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Timeout) * second }},
	{[]string{"packets"}, kindSize, max64, monitor.AttrCountersOrig | monitor.AttrCountersReply,
		"packets of both directions",
		func(e *monitor.Event) uint64 { return e.Flow.CountersOrig.Packets + e.Flow.CountersReply.Packets }},
	{[]string{"bytes"}, kindSize, max64, monitor.AttrCountersOrig | monitor.AttrCountersReply,
		"bytes of both directions",
		func(e *monitor.Event) uint64 { return e.Flow.CountersOrig.Bytes + e.Flow.CountersReply.Bytes }},
	{[]string{"orig.packets"}, kindSize, max64, monitor.AttrCountersOrig, "packets of the original direction",
		func(e *monitor.Event) uint64 { return e.Flow.CountersOrig.Packets }},
	{[]string{"orig.bytes"}, kindSize, max64, monitor.AttrCountersOrig, "bytes of the original direction",
		func(e *monitor.Event) uint64 { return e.Flow.CountersOrig.Bytes }},
	{[]string{"reply.packets"}, kindSize, max64, monitor.AttrCountersReply, "packets of the reply direction",
		func(e *monitor.Event) uint64 { return e.Flow.CountersReply.Packets }},
	{[]string{"reply.bytes"}, kindSize, max64, monitor.AttrCountersReply, "bytes of the reply direction",
		func(e *monitor.Event) uint64 { return e.Flow.CountersReply.Bytes }},
	{[]string{"secmark"}, kindNumber, max32, monitor.AttrSecMark, "security mark (obsolete)",
		func(e *monitor.Event) uint64 { return uint64(e.Extra.SecMark) }},
	{[]string{"use"}, kindNumber, max32, monitor.AttrUse, "reference count of the entry",
		func(e *monitor.Event) uint64 { return uint64(e.Flow.Use) }},
	{[]string{"vtag", "orig.vtag"}, kindHex, max32, monitor.AttrVTagOrig,
		"SCTP verification tag, original direction",
		func(e *monitor.Event) uint64 { return uint64(e.Extra.VTagOrig) }},
	{[]string{"reply.vtag"}, kindHex, max32, monitor.AttrVTagReply, "SCTP verification tag, reply direction",
		func(e *monitor.Event) uint64 { return uint64(e.Extra.VTagReply) }},
	{[]string{"role"}, kindRole, 1, monitor.AttrDCCPRole, "DCCP role of the original source: client, server",
		func(e *monitor.Event) uint64 { return uint64(e.Extra.DCCPRole) }},
}

func inferred(e *monitor.Event) uint64 {
	if e.Inferred {
		return 1
	}
	return 0
}

func (f Field) info() *fieldInfo { return &fields[f&^Sent] }

// String returns the field's canonical word.
func (f Field) String() string {
	if int(f&^Sent) >= len(fields) || f&^Sent == FieldNone {
		return "?"
	}
	if f&Sent != 0 {
		return "msg." + f.info().names[0]
	}
	return f.info().names[0]
}

// isLookedUp reports whether the field is in no message: the process, container or place of a flow.
func (f Field) isLookedUp() bool { return f.info().kind == kindName || f.info().kind == kindPlace }

// hasSent reports whether the field can have the prefix "msg.".
func (f Field) hasSent() bool { return f.info().attrs != 0 && f != FieldAge }

// fieldOrder is all fields that have a word, ordered by their canonical words.
var fieldOrder = func() []Field {
	var out []Field
	for f := Field(1); int(f) < len(fields); f++ {
		if f.info().kind != kindNone {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Field) int { return strings.Compare(a.String(), b.String()) })
	return out
}()

var fieldByName = func() map[string]Field {
	m := make(map[string]Field)
	for _, f := range fieldOrder {
		for _, n := range f.info().names {
			m[fold(n)] = f
		}
	}
	return m
}()

// fieldOf returns the field of a word, with or without the prefix "msg.".
func fieldOf(word string) (Field, bool) {
	if f, ok := fieldByName[word]; ok {
		return f, true
	}
	rest, ok := strings.CutPrefix(word, "msg.")
	f := fieldByName[rest]
	return f | Sent, ok && f.hasSent()
}

// qualified are tcpdump's fields of two words.
var qualified = map[string]Field{
	"src host": FieldOrigSrc, "src net": FieldOrigSrc, "src port": FieldOrigSPort, "src portrange": FieldOrigSPort,
	"dst host": FieldOrigDst, "dst net": FieldOrigDst, "dst port": FieldOrigDPort, "dst portrange": FieldOrigDPort,
	"src country": FieldCountrySrc, "src city": FieldCitySrc, "src as": FieldASSrc, "src asn": FieldASSrc,
	"dst country": FieldCountryDst, "dst city": FieldCityDst, "dst as": FieldASDst, "dst asn": FieldASDst,
}

// natBits returns the bits of FieldNAT.
func natBits(f *monitor.Flow) uint64 {
	n := f.NAT()
	v := uint64(n.Kind)
	for i, set := range [...]bool{
		n.PortOnly(), n.Redirect, n.NoBits, n.StrayBits, n.SrcAddr, n.SrcPort, n.DstAddr, n.DstPort,
	} {
		if set {
			v |= natPortOnly << i
		}
	}
	return v
}

// newCmp returns the comparison in its canonical form.
func newCmp(f Field, mask uint64, op Op, set []Range) Cmp {
	set = normalize(set, !f.info().kind.discrete)
	// One bit is either set or not: use one form for both.
	if mask != 0 && mask&(mask-1) == 0 && f.info().kind.bits != nil && len(set) == 1 {
		switch {
		case op == Ne && set[0] == (Range{mask, mask}):
			op, set = Eq, []Range{{}}
		case op == Ne && set[0] == (Range{}):
			op, set = Eq, []Range{{mask, mask}}
		}
	}
	return Cmp{f, mask, op, set}
}

// cmp returns the comparison of the word; with Ne its opposite.
func (w bitWord) cmp(f Field, op Op) Cmp {
	if op == Ne { // inverted: Eq and Ne are 0 and 1
		w.op ^= Ne
	}
	return newCmp(f, w.mask, w.op, []Range{{w.value, w.value}})
}

// bitWord returns the word of a comparison, or of its opposite.
func (x Cmp) bitWord() (w bitWord, opposite, ok bool) {
	for _, op := range []Op{Eq, Ne} {
		for _, w := range x.Field.info().kind.bits {
			c := w.cmp(x.Field, op)
			if c.Mask == x.Mask && c.Op == x.Op && slices.Equal(c.Set, x.Set) {
				return w, op == Ne, true
			}
		}
	}
	return w, false, false
}

func newAddr(f Field, op Op, set []netip.Prefix) Addr {
	slices.SortFunc(set, netip.Prefix.Compare)
	return Addr{f, op, slices.Compact(set)}
}
