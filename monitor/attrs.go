package monitor

// Attrs is the set of attributes of a flow that are known, one bit for each attribute of
// nfnetlink_conntrack.h or child of one. An attribute whose bit is not set is unknown, even if
// its field is zero.
type Attrs uint64

// The attributes, with the fields of Flow or Extra that they fill.
const (
	AttrOrig          Attrs = 1 << iota // Flow.Orig
	AttrReply                           // Flow.Reply
	AttrStatus                          // Flow.Status
	AttrState                           // Flow.State: CTA_PROTOINFO_{TCP,SCTP,DCCP}_STATE
	AttrWScaleOrig                      // Flow.TCP.WScaleOrig
	AttrWScaleReply                     // Flow.TCP.WScaleReply
	AttrTCPFlagsOrig                    // Flow.TCP.FlagsOrig, MaskOrig
	AttrTCPFlagsReply                   // Flow.TCP.FlagsReply, MaskReply
	AttrVTagOrig                        // Extra.VTagOrig (SCTP)
	AttrVTagReply                       // Extra.VTagReply (SCTP)
	AttrDCCPRole                        // Extra.DCCPRole
	AttrDCCPSeq                         // Extra.DCCPSeq
	AttrHelper                          // Extra.Helper
	AttrHelperInfo                      // Extra.HelperInfo
	AttrTimeout                         // Flow.Timeout
	AttrMark                            // Flow.Mark
	AttrMarkMask                        // Extra.MarkMask
	AttrCountersOrig                    // Flow.CountersOrig
	AttrCountersReply                   // Flow.CountersReply
	AttrUse                             // Flow.Use
	AttrID                              // Flow.ID
	AttrMaster                          // Extra.Master
	AttrSeqAdjOrig                      // Extra.SeqAdjOrig
	AttrSeqAdjReply                     // Extra.SeqAdjReply
	AttrSecMark                         // Extra.SecMark (obsolete)
	AttrZone                            // Flow.Zone and both tuples' Zone: CTA_ZONE
	AttrZoneOrig                        // Flow.Orig.Zone: CTA_TUPLE_ZONE in the original tuple
	AttrZoneReply                       // Flow.Reply.Zone: CTA_TUPLE_ZONE in the reply tuple
	AttrSecCtx                          // Extra.SecCtx
	AttrStart                           // Flow.Start
	AttrStop                            // Flow.Stop
	AttrEventTime                       // Event.Time: CTA_TIMESTAMP_EVENT
	AttrLabels                          // Extra.Labels
	AttrLabelsMask                      // Extra.LabelsMask
	AttrSynproxy                        // Extra.Synproxy
	AttrStatusMask                      // Extra.StatusMask
)

// AttrsInExtra are the attributes whose values are in Extra.
const AttrsInExtra = AttrVTagOrig | AttrVTagReply | AttrDCCPRole | AttrDCCPSeq | AttrHelper | AttrHelperInfo |
	AttrMarkMask | AttrMaster | AttrSeqAdjOrig | AttrSeqAdjReply | AttrSecMark | AttrSecCtx | AttrLabels |
	AttrLabelsMask | AttrSynproxy | AttrStatusMask

// Any reports whether at least one of the given attributes is known.
func (a Attrs) Any(b Attrs) bool { return a&b != 0 }

// All reports whether all the given attributes are known.
func (a Attrs) All(b Attrs) bool { return a&b == b }
