package filter

import "natlens/monitor"

// Field is what a filter can ask of a flow or an event.
type Field uint8

// Sent, added to a field, selects the attribute of this very message;
// without, for what is known of the flow. In text it is the prefix "msg.".
const Sent Field = 0x80

// The fields. The first group is in both tuples, which every event of the kernel
// contains and which never change in the life of a flow.
const (
	FieldNone Field = iota

	FieldFamily
	FieldProto
	FieldOrigSrc // addresses
	FieldOrigDst
	FieldReplySrc
	FieldReplyDst
	FieldOrigL4Src // SrcPort and DstPort of monitor.Tuple: port, ICMP id or type<<8 | code, GRE key
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
