package filter

import (
	"math"

	"natlens/monitor"
)

// Field is what a filter can ask of a flow or an event.
type Field uint8

// Sent, added to a field, asks for the attribute as this very message bore it;
// without, for what is known of the flow. In text it is the prefix "msg.".
const Sent Field = 0x80

// The fields. The first group stands in both tuples, which every event of the
// kernel bears and which never change in the life of a flow.
const (
	FieldNone Field = iota

	FieldFamily
	FieldProto
	FieldOrigSrc // addresses
	FieldOrigDst
	FieldReplySrc
	FieldReplyDst
	FieldOrigL4Src // the 16 bits that monitor.Tuple has as SrcPort and DstPort: port, ICMP id or type<<8 | code, GRE key
	FieldOrigL4Dst
	FieldReplyL4Src
	FieldReplyL4Dst
	FieldOrigZone
	FieldReplyZone

	// Read from the first group; Lower spells them out.
	FieldHost // any of the four addresses
	FieldPort // either port of the original tuple
	FieldOrigSPort
	FieldOrigDPort
	FieldReplySPort
	FieldReplyDPort
	FieldICMPType // of the original tuple; ICMPv6 too
	FieldICMPCode
	FieldICMPID
	FieldReplyICMPID
	FieldOrigSrcKey // GRE
	FieldOrigDstKey
	FieldReplySrcKey
	FieldReplyDstKey
	FieldZone // the zone of both directions
	FieldNAT  // a set of the NAT bits
	FieldNATSrc
	FieldNATDst
	FieldNATSPort
	FieldNATDPort

	// The event itself.
	FieldEvent
	FieldInferred
	FieldPortID
	FieldGen

	// What may be absent, or changes in the life of a flow.
	FieldMark
	FieldID
	FieldState
	FieldStatus
	FieldTimeout
	FieldAge
	FieldPackets
	FieldBytes
	FieldOrigPackets
	FieldOrigBytes
	FieldReplyPackets
	FieldReplyBytes
	FieldHelper
	FieldLabel
	FieldSecCtx
	FieldSecMark
	FieldMaster
	FieldUse
	FieldOrigVTag
	FieldReplyVTag
	FieldRole
	FieldPath
	FieldNetNS
	numFields
)

// The bits of FieldNAT.
const (
	natSource   = uint64(monitor.NATSource)
	natDest     = uint64(monitor.NATDestination)
	natKinds    = natSource | natDest
	natPortOnly = uint64(1) << (iota - 1)
	natRedirect
	natNoBits
	natStrayBits
	natSrcAddr
	natSrcPort
	natDstAddr
	natDstPort
)

// kind is the type of a field's values.
type kind uint8

const (
	kindNone     kind = iota
	kindAddr          // address or network
	kindPort          // 0..65535 or the name of a service
	kindNumber        // decimal
	kindHex           // printed in hexadecimal
	kindProto         // number or name
	kindFamily        // ipv4, ipv6
	kindEvent         // monitor.Kind
	kindPath          // monitor.Path
	kindState         // names of states
	kindStatus        // names of bits
	kindNAT           // names of bits
	kindDuration      // nanoseconds
	kindSize          // numbers with k, M, G
	kindText
	kindLabel // bit numbers, or names
	kindRole  // client, server
	kindFlag  // true or false; no value is written
)

// ordered reports whether < and > make sense.
func (k kind) ordered() bool {
	switch k {
	case kindPort, kindNumber, kindHex, kindDuration, kindSize:
		return true
	}
	return false
}

// discrete reports whether neighbouring numbers have nothing in common.
func (k kind) discrete() bool {
	switch k {
	case kindFamily, kindEvent, kindPath, kindState, kindStatus, kindNAT, kindRole, kindFlag:
		return true
	}
	return false
}

func (k kind) bits() bool { return k == kindStatus || k == kindNAT }

// masked reports whether "& mask" may follow the field.
func (k kind) masked() bool { return k == kindHex || k == kindStatus }

type fieldInfo struct {
	names []string // the canonical one first, folded as fold does
	kind  kind
	max   uint64
	doc   string
	attrs monitor.Attrs // what must be known; 0: always there
}

const (
	max8  = math.MaxUint8
	max16 = math.MaxUint16
	max32 = math.MaxUint32
	max64 = math.MaxUint64
)

var fields = [numFields]fieldInfo{
	FieldFamily:      {[]string{"family"}, kindFamily, max8, "address family: ipv4, ipv6", 0},
	FieldProto:       {[]string{"proto", "protonum"}, kindProto, max8, "protocol: tcp, udp, 47 …", 0},
	FieldOrigSrc:     {[]string{"src", "orig.src"}, kindAddr, 0, "source address, original direction", 0},
	FieldOrigDst:     {[]string{"dst", "orig.dst"}, kindAddr, 0, "destination address, original direction", 0},
	FieldReplySrc:    {[]string{"reply.src"}, kindAddr, 0, "source address, reply direction", 0},
	FieldReplyDst:    {[]string{"reply.dst"}, kindAddr, 0, "destination address, reply direction", 0},
	FieldOrigL4Src:   {[]string{"orig.l4src"}, kindNone, max16, "", 0},
	FieldOrigL4Dst:   {[]string{"orig.l4dst"}, kindNone, max16, "", 0},
	FieldReplyL4Src:  {[]string{"reply.l4src"}, kindNone, max16, "", 0},
	FieldReplyL4Dst:  {[]string{"reply.l4dst"}, kindNone, max16, "", 0},
	FieldOrigZone:    {[]string{"orig.zone"}, kindNumber, max16, "zone of the original direction", monitor.AttrZone | monitor.AttrZoneOrig},
	FieldReplyZone:   {[]string{"reply.zone"}, kindNumber, max16, "zone of the reply direction", monitor.AttrZone | monitor.AttrZoneReply},
	FieldHost:        {[]string{"host", "net"}, kindAddr, 0, "any address of either tuple", 0},
	FieldPort:        {[]string{"port", "portrange"}, kindPort, max16, "either port, original direction", 0},
	FieldOrigSPort:   {[]string{"sport", "orig.sport"}, kindPort, max16, "source port, original direction", 0},
	FieldOrigDPort:   {[]string{"dport", "orig.dport"}, kindPort, max16, "destination port, original direction", 0},
	FieldReplySPort:  {[]string{"reply.sport"}, kindPort, max16, "source port, reply direction", 0},
	FieldReplyDPort:  {[]string{"reply.dport"}, kindPort, max16, "destination port, reply direction", 0},
	FieldICMPType:    {[]string{"icmp.type"}, kindNumber, max8, "ICMP or ICMPv6 type", 0},
	FieldICMPCode:    {[]string{"icmp.code"}, kindNumber, max8, "ICMP or ICMPv6 code", 0},
	FieldICMPID:      {[]string{"icmp.id"}, kindNumber, max16, "ICMP or ICMPv6 id", 0},
	FieldReplyICMPID: {[]string{"reply.icmp.id"}, kindNumber, max16, "ICMP or ICMPv6 id, reply direction", 0},
	FieldOrigSrcKey:  {[]string{"srckey", "orig.srckey"}, kindHex, max16, "GRE source key, original direction", 0},
	FieldOrigDstKey:  {[]string{"dstkey", "orig.dstkey"}, kindHex, max16, "GRE destination key, original direction", 0},
	FieldReplySrcKey: {[]string{"reply.srckey"}, kindHex, max16, "GRE source key, reply direction", 0},
	FieldReplyDstKey: {[]string{"reply.dstkey"}, kindHex, max16, "GRE destination key, reply direction", 0},
	FieldZone:        {[]string{"zone"}, kindNumber, max16, "zone of both directions", monitor.AttrZone},
	FieldNAT:         {[]string{"nat"}, kindNAT, 0, "what is rewritten: none, snat, dnat, snat+dnat …", 0},
	FieldNATSrc:      {[]string{"nat.src"}, kindAddr, 0, "source address after SNAT", 0},
	FieldNATDst:      {[]string{"nat.dst"}, kindAddr, 0, "destination address after DNAT", 0},
	FieldNATSPort:    {[]string{"nat.sport"}, kindPort, max16, "source port after SNAT", 0},
	FieldNATDPort:    {[]string{"nat.dport"}, kindPort, max16, "destination port after DNAT", 0},
	FieldEvent:       {[]string{"event"}, kindEvent, max8, "kind of event: new, update, destroy, existing", 0},
	FieldInferred:    {[]string{"inferred"}, kindFlag, 1, "concluded from a resync, not sent by the kernel", 0},
	FieldPortID:      {[]string{"portid"}, kindNumber, max32, "netlink port of the program that caused it, 0 for traffic", 0},
	FieldGen:         {[]string{"gen", "flow"}, kindNumber, max64, "number of the flow in this run", 0},
	FieldMark:        {[]string{"mark"}, kindHex, max32, "connection mark; 0 if unmarked", monitor.AttrMark},
	FieldID:          {[]string{"id"}, kindNumber, max32, "the kernel's id of the entry", monitor.AttrID},
	FieldState:       {[]string{"state"}, kindState, max16, "state of a TCP, SCTP or DCCP connection", monitor.AttrState},
	FieldStatus:      {[]string{"status"}, kindStatus, max32, "status bit: assured, seen_reply …", monitor.AttrStatus},
	FieldTimeout:     {[]string{"timeout"}, kindDuration, max32 * second, "time left without a packet", monitor.AttrTimeout},
	FieldAge:         {[]string{"age"}, kindDuration, math.MaxInt64, "time since the flow began", monitor.AttrStart},
	FieldPackets:     {[]string{"packets"}, kindSize, max64, "packets of both directions", monitor.AttrCountersOrig | monitor.AttrCountersReply},
	FieldBytes:       {[]string{"bytes"}, kindSize, max64, "bytes of both directions", monitor.AttrCountersOrig | monitor.AttrCountersReply},
	FieldOrigPackets: {[]string{"orig.packets"}, kindSize, max64, "packets of the original direction", monitor.AttrCountersOrig},
	FieldOrigBytes:   {[]string{"orig.bytes"}, kindSize, max64, "bytes of the original direction", monitor.AttrCountersOrig},
	FieldReplyPackets: {[]string{"reply.packets"}, kindSize, max64, "packets of the reply direction",
		monitor.AttrCountersReply},
	FieldReplyBytes: {[]string{"reply.bytes"}, kindSize, max64, "bytes of the reply direction", monitor.AttrCountersReply},
	FieldHelper:     {[]string{"helper"}, kindText, 0, "name of the helper: ftp, sip …", monitor.AttrHelper},
	FieldLabel:      {[]string{"label"}, kindLabel, 127, "label bit that is set", monitor.AttrLabels},
	FieldSecCtx:     {[]string{"secctx"}, kindText, 0, "security context", monitor.AttrSecCtx},
	FieldSecMark:    {[]string{"secmark"}, kindNumber, max32, "security mark (obsolete)", monitor.AttrSecMark},
	FieldMaster:     {[]string{"master"}, kindFlag, 1, "has a master: born of an expectation", monitor.AttrMaster},
	FieldUse:        {[]string{"use"}, kindNumber, max32, "reference count of the entry", monitor.AttrUse},
	FieldOrigVTag:   {[]string{"vtag", "orig.vtag"}, kindHex, max32, "SCTP verification tag, original direction", monitor.AttrVTagOrig},
	FieldReplyVTag:  {[]string{"reply.vtag"}, kindHex, max32, "SCTP verification tag, reply direction", monitor.AttrVTagReply},
	FieldRole:       {[]string{"role"}, kindRole, 1, "DCCP role of the original source: client, server", monitor.AttrDCCPRole},
	FieldPath:       {[]string{"path"}, kindPath, max8, "way through this host: forward, local-out, local-in, loopback", 0},
	FieldNetNS:      {[]string{"netns"}, kindText, 0, "network namespace, where several are watched", 0},
}

func (f Field) info() *fieldInfo { return &fields[f&^Sent] }

// String returns the field's canonical word.
func (f Field) String() string {
	if f&^Sent >= numFields || f&^Sent == FieldNone {
		return "?"
	}
	if f&Sent != 0 {
		return "msg." + f.info().names[0]
	}
	return f.info().names[0]
}

// Doc says in a few words what the field is.
func (f Field) Doc() string { return f.info().doc }

// InTuple reports whether the field is one of the first group: it stands in a
// tuple of every event.
func (f Field) InTuple() bool { return f >= FieldFamily && f <= FieldReplyZone }

var fieldByName = func() map[string]Field {
	m := make(map[string]Field)
	for f := Field(1); f < numFields; f++ {
		if fields[f].kind == kindNone {
			continue
		}
		for _, n := range fields[f].names {
			m[fold(n)] = f
		}
	}
	return m
}()
