package jsonl

// line is one event as docs/json.md specifies it. Members that are absent are nil, "" or
// 0; a pointer distinguishes absent from 0. Other members are ignored.
type line struct {
	V          *uint64       `json:"v"`
	TS         string        `json:"ts"`
	TSSource   string        `json:"ts_source"`
	Seq        uint64        `json:"seq"`
	Event      string        `json:"event"`
	Inferred   bool          `json:"inferred"`
	ID         *uint32       `json:"id"`
	Family     string        `json:"family"`
	ProtoNum   *uint8        `json:"protonum"`
	State      *string       `json:"state"`
	Timeout    *uint32       `json:"timeout"`
	Orig       *tuple        `json:"orig"`
	Reply      *tuple        `json:"reply"`
	Status     *[]string     `json:"status"`
	Mark       *uint32       `json:"mark"`
	Path       string        `json:"path"`
	Flow       uint64        `json:"flow"`
	Born       string        `json:"born"`
	PortID     uint32        `json:"portid"`
	Zone       *uint16       `json:"zone"`
	ZoneOrig   *uint16       `json:"zone_orig"`
	ZoneReply  *uint16       `json:"zone_reply"`
	Counters   both[counter] `json:"counters"`
	Start      string        `json:"start"`
	Stop       string        `json:"stop"`
	Use        *uint32       `json:"use"`
	TCP        both[tcpSide] `json:"tcp"`
	Remembered []string      `json:"remembered"`
	NetNS      string        `json:"netns"`
	Inode      uint64        `json:"inode"`
	Reason     string        `json:"reason"`

	// Of lost and resynced events.
	Count     uint64 `json:"count"`
	From      string `json:"from"`
	To        string `json:"to"`
	Uncertain bool   `json:"uncertain"`
	Added     uint64 `json:"added"`
	Changed   uint64 `json:"changed"`
	Ended     uint64 `json:"ended"`

	// Rare.
	Helper     *string      `json:"helper"`
	HelperInfo *string      `json:"helper_info"` // in hex
	SecCtx     *string      `json:"secctx"`
	Labels     *[]uint16    `json:"labels"`
	LabelsMask *[]uint16    `json:"labels_mask"`
	Master     *tuple       `json:"master"`
	SCTP       sctp         `json:"sctp"`
	DCCP       dccp         `json:"dccp"`
	SeqAdj     both[seqAdj] `json:"seqadj"`
	Synproxy   *synproxy    `json:"synproxy"`
	SecMark    *uint32      `json:"secmark"`
	MarkMask   *uint32      `json:"mark_mask"`
	StatusMask *uint32      `json:"status_mask"`
}

// tuple is one direction. The protocol decides which of the members behind the
// addresses it has. Only that of a master has family and protocol.
type tuple struct {
	Family   string `json:"family"`
	ProtoNum uint8  `json:"protonum"`
	Src      string `json:"src"`
	SPort    uint16 `json:"sport"`
	SrcKey   uint16 `json:"srckey"`
	Dst      string `json:"dst"`
	DPort    uint16 `json:"dport"`
	DstKey   uint16 `json:"dstkey"`
	Type     uint8  `json:"type"`
	Code     uint8  `json:"code"`
	ID       uint16 `json:"id"`
}

// both has a value for each direction.
type both[T any] struct {
	Orig  *T `json:"orig"`
	Reply *T `json:"reply"`
}

type counter struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

type tcpSide struct {
	WScale *uint8 `json:"wscale"`
	Flags  *uint8 `json:"flags"`
	Mask   *uint8 `json:"flags_mask"`
}

type sctp struct {
	VTagOrig  *uint32 `json:"vtag_orig"`
	VTagReply *uint32 `json:"vtag_reply"`
}

type dccp struct {
	Role *string `json:"role"`
	Seq  *uint64 `json:"seq"`
}

type seqAdj struct {
	Correction   uint32 `json:"correction"`
	OffsetBefore int32  `json:"offset_before"`
	OffsetAfter  int32  `json:"offset_after"`
}

type synproxy struct {
	ISN   uint32 `json:"isn"`
	ITS   uint32 `json:"its"`
	TSOff uint32 `json:"tsoff"`
}
