package jsonl

import (
	"encoding/binary"
	"math/bits"

	"natlens/export/text"
	"natlens/monitor"
)

// The texts that many events share are rendered once and kept: what they depend
// on takes few values in a run. A slot is picked by a hash, holds the text that
// fell on it last, and reuses its memory.

// headCache keeps the members family, proto, protonum and state.
type headCache [128]struct {
	key  uint32 // 0: free
	text []byte
}

// get returns the members with a comma in front; t is the tuple that tells the
// protocol, known says whether there is a tuple and a state. The text is good
// until the next get.
func (c *headCache) get(t *monitor.Tuple, s monitor.State, known monitor.Attrs) []byte {
	key := uint32(1<<31) | uint32(t.Family)<<16 | uint32(t.Proto)<<8
	if known.Any(monitor.AttrOrig | monitor.AttrReply) {
		key |= 1 << 30
	}
	if known&monitor.AttrState != 0 {
		key |= 1<<29 | uint32(s)
	}
	slot := &c[key*2654435761>>25]
	if slot.key != key {
		slot.key, slot.text = key, appendHead(slot.text[:0], t, s, known)
	}
	return slot.text
}

func appendHead(b []byte, t *monitor.Tuple, s monitor.State, known monitor.Attrs) []byte {
	if known.Any(monitor.AttrOrig | monitor.AttrReply) {
		b = append(append(b, `,"family":"`...), t.Family.String()...)
		b = text.AppendProto(append(b, `","proto":"`...), t.Proto)
		b = appendField(b, `","protonum":`, uint64(t.Proto))
	}
	if known&monitor.AttrState != 0 {
		b = text.AppendState(append(b, `,"state":"`...), t.Proto, s)
		b = append(b, '"')
	}
	return b
}

// statusCache keeps the member status.
type statusCache [64]struct {
	status monitor.Status
	text   []byte // empty: free
}

func (c *statusCache) get(s monitor.Status) []byte {
	slot := &c[uint32(s)*2654435761>>26]
	if slot.status != s || len(slot.text) == 0 {
		b := append(slot.text[:0], `,"status":["`...)
		b = text.AppendStatusWords(b, s, `","`)
		slot.status, slot.text = s, closeList(b, s == 0)
	}
	return slot.text
}

// closeList ends a list of quoted words, whose first quote stands already.
func closeList(b []byte, empty bool) []byte {
	if empty {
		return append(b[:len(b)-1], ']')
	}
	return append(b, `"]`...)
}

// addrCache keeps the texts of addresses: the reply tuple has most of those of
// the original one again, and flows share gateways and servers.
type addrCache [64]struct {
	hi, lo uint64 // the address
	family monitor.Family
	size   uint8    // of text; 0: free
	text   [46]byte // none is longer, an IPv4 address within IPv6 included
}

// append appends what appendAddr does. The nil cache keeps nothing.
func (c *addrCache) append(b []byte, a *monitor.Addr, family monitor.Family) []byte {
	if c == nil {
		return text.AppendAddr(b, a, family)
	}
	hi, lo := binary.LittleEndian.Uint64(a[:8]), binary.LittleEndian.Uint64(a[8:])
	slot := &c[lo>>32*2654435761>>26%64]
	if slot.lo != lo || slot.hi != hi || slot.family != family || slot.size == 0 {
		slot.hi, slot.lo, slot.family = hi, lo, family
		slot.size = uint8(len(text.AppendAddr(slot.text[:0], a, family)))
	}
	at, size := len(b), int(slot.size)
	b = text.Grow(b, len(slot.text))
	text := b[at : at+len(slot.text)]
	if size <= 16 { // in one move
		*(*[16]byte)(text) = [16]byte(slot.text[:16])
	} else {
		*(*[46]byte)(text) = slot.text
	}
	return b[:at+size]
}

// rememberedMemo keeps the last text of the member remembered.
type rememberedMemo struct {
	attrs monitor.Attrs
	text  []byte
}

func (m *rememberedMemo) get(a monitor.Attrs) []byte {
	if m.attrs != a || len(m.text) == 0 {
		b := append(m.text[:0], `,"remembered":["`...)
		first := len(b)
		for rest := uint64(a); rest != 0; rest &= rest - 1 {
			if i := bits.TrailingZeros64(rest); i < len(text.AttrFields) {
				b = text.AppendSeparated(b, first, `","`, text.AttrFields[i])
			}
		}
		m.attrs, m.text = a, closeList(b, len(b) == first)
	}
	return m.text
}
