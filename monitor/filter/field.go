package filter

import "natlens/monitor"

// Field is an attribute of a flow or an event that a filter can compare.
type Field uint8

// Sent, added to a field, selects the attribute in this message only. Without it, the field is
// what is known of the flow. In text it is the prefix "msg.".
const Sent Field = 0x80

// The fields. Those of the first group are in both tuples, which every event of the kernel
// contains and which never change.
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

	// Derived from the first group by Lower.
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

	// Of the event.
	FieldEvent
	FieldInferred
	FieldGen

	// Attributes that can be absent, or change during a flow's life.
	FieldMark
	FieldState
	FieldStatus
	FieldAge
	FieldHelper
	FieldLabel
	FieldSecCtx
	FieldMaster
	FieldPath
	FieldNetNS
	FieldGateway

	// The process or container of the flow, which is looked up.
	FieldProcess
	FieldUser
	FieldContainer
	FieldPod

	// The places of the flow's addresses, which are looked up: either end, source, destination.
	FieldCountry
	FieldCountrySrc
	FieldCountryDst
	FieldCity
	FieldCitySrc
	FieldCityDst
	FieldAS
	FieldASSrc
	FieldASDst

	// The others are known to the table of fields only.
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

// ends returns the fields of both ends for a field of either end, the sender first, and other
// fields as they are.
func (f Field) ends() []Field {
	switch f {
	case FieldHost:
		return []Field{FieldOrigSrc, FieldReplySrc}
	case FieldCountry, FieldCity, FieldAS:
		return []Field{f + 1, f + 2}
	}
	return []Field{f}
}
