package jsonl

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"natlens/monitor"
)

// line is one event as docs/json.md specifies it. Members that are absent are nil, "" or
// 0; a pointer distinguishes absent from 0. Other members are ignored.
type line struct {
	V          *uint64                `json:"v"`
	TS         stamp                  `json:"ts"`
	TSSource   string                 `json:"ts_source"`
	Seq        uint64                 `json:"seq"`
	Event      string                 `json:"event"`
	Inferred   bool                   `json:"inferred"`
	ID         *uint32                `json:"id"`
	Family     string                 `json:"family"`
	ProtoNum   *monitor.Proto         `json:"protonum"`
	State      *string                `json:"state"`
	Timeout    *uint32                `json:"timeout"`
	Orig       *tuple                 `json:"orig"`
	Reply      *tuple                 `json:"reply"`
	Status     *[]status              `json:"status"`
	Mark       *uint32                `json:"mark"`
	Path       string                 `json:"path"`
	Flow       uint64                 `json:"flow"`
	Born       stamp                  `json:"born"`
	PortID     uint32                 `json:"portid"`
	Zone       *uint16                `json:"zone"`
	ZoneOrig   *uint16                `json:"zone_orig"`
	ZoneReply  *uint16                `json:"zone_reply"`
	Counters   both[monitor.Counters] `json:"counters"`
	Start      *stamp                 `json:"start"`
	Stop       *stamp                 `json:"stop"`
	Use        *uint32                `json:"use"`
	TCP        both[tcpSide]          `json:"tcp"`
	Remembered []string               `json:"remembered"`
	NetNS      string                 `json:"netns"`
	Inode      uint64                 `json:"inode"`
	Reason     string                 `json:"reason"`
	Local      *monitor.Local         `json:"local"`
	Gateway    monitor.Gateway        `json:"gateway"`

	// Of lost and resynced events.
	Count     uint64 `json:"count"`
	From      stamp  `json:"from"`
	To        stamp  `json:"to"`
	Uncertain bool   `json:"uncertain"`
	Added     uint64 `json:"added"`
	Changed   uint64 `json:"changed"`
	Ended     uint64 `json:"ended"`

	// Rare.
	Helper     *foreign             `json:"helper"`
	HelperInfo *inHex               `json:"helper_info"`
	SecCtx     *foreign             `json:"secctx"`
	Labels     *[]uint16            `json:"labels"`
	LabelsMask *[]uint16            `json:"labels_mask"`
	Master     *tuple               `json:"master"`
	SCTP       sctp                 `json:"sctp"`
	DCCP       dccp                 `json:"dccp"`
	SeqAdj     both[monitor.SeqAdj] `json:"seqadj"`
	Synproxy   *monitor.Synproxy    `json:"synproxy"`
	SecMark    *uint32              `json:"secmark"`
	MarkMask   *uint32              `json:"mark_mask"`
	StatusMask *uint32              `json:"status_mask"`
}

// tuple is one direction. The protocol decides which members follow the addresses. Only the
// tuple of a master has family and protocol.
type tuple struct {
	Family   string        `json:"family"`
	ProtoNum monitor.Proto `json:"protonum"`
	Src      address       `json:"src"`
	SPort    uint16        `json:"sport"`
	SrcKey   uint16        `json:"srckey"`
	Dst      address       `json:"dst"`
	DPort    uint16        `json:"dport"`
	DstKey   uint16        `json:"dstkey"`
	Type     uint8         `json:"type"`
	Code     uint8         `json:"code"`
	ID       uint16        `json:"id"`
}

// both has a value for each direction.
type both[T any] struct {
	Orig  *T `json:"orig"`
	Reply *T `json:"reply"`
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

// The types below are strings in JSON. encoding/json adds the member to their errors.

type stamp monitor.Time

// UnmarshalText reads an RFC 3339 time; "" is 0, no time.
func (s *stamp) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	t, err := time.Parse(time.RFC3339, string(b))
	*s = stamp(t.UnixNano())
	if err != nil || !monitor.Time(*s).Time().Equal(t) { // nanoseconds reach from 1678 to 2261
		return not("a time", string(b))
	}
	return nil
}

type address monitor.Addr

// UnmarshalText reads an address; "" is the zero address.
func (a *address) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	ip, err := netip.ParseAddr(string(b))
	if err != nil || ip.Zone() != "" {
		return not("an address", string(b))
	}
	*a = address(monitor.AddrFrom(ip))
	return nil
}

type status monitor.Status

// UnmarshalText reads the name of a status bit. Bits without a name are one hex number.
func (s *status) UnmarshalText(b []byte) error {
	if bit, ok := monitor.StatusByName(string(b)); ok {
		*s = status(bit)
		return nil
	}
	digits, hex := strings.CutPrefix(string(b), "0x")
	bits, err := strconv.ParseUint(digits, 16, 32)
	if !hex || err != nil {
		return not("a status bit", string(b))
	}
	*s = status(bits)
	return nil
}

type inHex []byte

// UnmarshalText reads bytes in hex.
func (h *inHex) UnmarshalText(b []byte) (err error) {
	if *h, err = hex.DecodeString(string(b)); err != nil {
		return not("bytes in hex", string(b))
	}
	return nil
}

// foreign is text that may contain bytes that are not UTF-8. The writer writes U+FFFD for each
// of them. Here it becomes 0xff, so that it is written as U+FFFD again and a terminal shows
// \xff.
type foreign []byte

// UnmarshalText reads the text.
func (f *foreign) UnmarshalText(b []byte) error {
	*f = []byte(strings.ReplaceAll(string(b), "\ufffd", "\xff"))
	return nil
}

// not returns the error of a member with a wrong value.
func not(what, value string) error {
	return &json.UnmarshalTypeError{Value: fmt.Sprintf("%q is not %s", short(value), what)}
}

func short(s string) string {
	const limit = 64
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// valueNamed returns the value of that name, up to last, and 0 for other names.
func valueNamed[T interface {
	~uint8
	String() string
}](name string, last T) T {
	for v := last; v > 0; v-- {
		if v.String() == name {
			return v
		}
	}
	return 0
}
