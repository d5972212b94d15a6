package ctnetlink

// Top-level attributes: enum ctattr_type. CTA_NAT_SRC, CTA_NAT_DST and CTA_FILTER occur in
// requests only.
const (
	ctaTupleOrig      = 1
	ctaTupleReply     = 2
	ctaStatus         = 3
	ctaProtoinfo      = 4
	ctaHelp           = 5
	ctaNatSrc         = 6
	ctaTimeout        = 7
	ctaMark           = 8
	ctaCountersOrig   = 9
	ctaCountersReply  = 10
	ctaUse            = 11
	ctaID             = 12
	ctaNatDst         = 13
	ctaTupleMaster    = 14
	ctaSeqAdjOrig     = 15
	ctaSeqAdjReply    = 16
	ctaSecMark        = 17
	ctaZone           = 18
	ctaSecCtx         = 19
	ctaTimestamp      = 20
	ctaMarkMask       = 21
	ctaLabels         = 22
	ctaLabelsMask     = 23
	ctaSynproxy       = 24
	ctaFilter         = 25
	ctaStatusMask     = 26
	ctaTimestampEvent = 27 // since Linux 6.14
)

// Children of CTA_TUPLE_*: enum ctattr_tuple, ctattr_ip, ctattr_l4proto.
const (
	ctaTupleIP    = 1
	ctaTupleProto = 2
	ctaTupleZone  = 3

	ctaIPv4Src = 1
	ctaIPv4Dst = 2
	ctaIPv6Src = 3
	ctaIPv6Dst = 4

	ctaProtoNum        = 1
	ctaProtoSrcPort    = 2
	ctaProtoDstPort    = 3
	ctaProtoICMPID     = 4
	ctaProtoICMPType   = 5
	ctaProtoICMPCode   = 6
	ctaProtoICMPv6ID   = 7
	ctaProtoICMPv6Type = 8
	ctaProtoICMPv6Code = 9
)

// Children of CTA_PROTOINFO: enum ctattr_protoinfo and one enum a protocol.
const (
	ctaProtoinfoTCP  = 1
	ctaProtoinfoDCCP = 2
	ctaProtoinfoSCTP = 3

	ctaTCPState       = 1
	ctaTCPWScaleOrig  = 2
	ctaTCPWScaleReply = 3
	ctaTCPFlagsOrig   = 4
	ctaTCPFlagsReply  = 5

	ctaDCCPState        = 1
	ctaDCCPRole         = 2
	ctaDCCPHandshakeSeq = 3
	ctaDCCPPad          = 4

	ctaSCTPState     = 1
	ctaSCTPVTagOrig  = 2
	ctaSCTPVTagReply = 3
)

// Children of the other nested attributes: enum ctattr_counters, ctattr_tstamp,
// ctattr_help, ctattr_secctx, ctattr_seqadj, ctattr_synproxy.
const (
	ctaCountersPackets = 1
	ctaCountersBytes   = 2
	ctaCountersPad     = 5

	ctaTimestampStart = 1
	ctaTimestampStop  = 2
	ctaTimestampPad   = 3

	ctaHelpName = 1
	ctaHelpInfo = 2

	ctaSecCtxName = 1

	ctaSeqAdjCorrection   = 1
	ctaSeqAdjOffsetBefore = 2
	ctaSeqAdjOffsetAfter  = 3

	ctaSynproxyISN   = 1
	ctaSynproxyITS   = 2
	ctaSynproxyTSOff = 3

	ctaStatsGlobalEntries = 1
	ctaStatsGlobalMax     = 2

	ctaNATv4Min = 1
	ctaNATProto = 3
	ctaNATv6Min = 4

	ctaProtoNATPortMin = 1
	ctaProtoNATPortMax = 2

	ctaFilterOrigFlags  = 1
	ctaFilterReplyFlags = 2
)

// The maximal sizes in bytes of values without a fixed size.
const (
	maxHelper     = 16      // NF_CT_HELPER_NAME_LEN
	maxHelperInfo = 32      // the data of struct nf_conn_help
	maxSecCtx     = 4 << 10 // less than XATTR_SIZE_MAX; longer than any of a security module
	maxExpectFunc = 64      // names of the kernel's functions are shorter
)

const (
	attrHeader = 4 // sizeof(struct nlattr)

	// #define NLA_TYPE_MASK ~(NLA_F_NESTED | NLA_F_NET_BYTEORDER)
	attrTypeMask = 0x3fff

	nested = 0x8000 // NLA_F_NESTED
)
