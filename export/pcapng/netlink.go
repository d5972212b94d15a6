package pcapng

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"natlens/export/jsonl"
	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/replay"
)

// The cooked header in front of netlink messages in captures of link type 253
// (LINKTYPE_NETLINK), big endian:
//
//	packet type 2 │ ARPHRD_NETLINK 2 │ unused 10 │ netlink family 2
const (
	linkNetlink = 253
	sllSize     = 16
	toKernel    = 7  // PACKET_KERNEL: a request
	netfilter   = 12 // NETLINK_NETFILTER
)

// linkError is the error of a capture of something else.
func linkError(link uint32) error {
	return fmt.Errorf("a capture of link type %d: only netlink (253), as of an nlmon device, has flows", link)
}

// packet is one packet of a capture.
type packet struct {
	data   []byte
	time   monitor.Time
	source monitor.TimeSource
	seq    uint64
	own    bool // written by natlens: it contains each message once
	note   []byte
	local  []byte // the JSON object in a comment
}

// localNote is the beginning of the comment with the process or container of a flow.
var localNote = []byte(`natlens: {"local":`)

// messages turns the packets of a capture into events.
type messages struct {
	in       *replay.Input
	d        ctnetlink.Decoder
	prev     []byte // the last message, in a capture of another program
	prevTime monitor.Time
}

// read appends the events of a packet. It converts the packet's data to the byte order of this
// machine, in place.
func (m *messages) read(p *packet, b *monitor.Batch) {
	if len(p.data) < sllSize {
		m.in.Bad(replay.ErrCut)
		return
	}
	if binary.BigEndian.Uint16(p.data) == toKernel || binary.BigEndian.Uint16(p.data[14:]) != netfilter {
		return // of another kind
	}
	for rest := p.data[sllSize:]; len(rest) > 0; {
		if len(rest) < headerSize {
			m.in.Bad(replay.ErrCut)
			return
		}
		n := binary.NativeEndian.Uint32(rest)
		whole := func(n uint32) bool { return n >= headerSize && uint64(n) <= uint64(len(rest)) }
		if turned := foreignOrder.Uint32(rest); !whole(n) && whole(turned) {
			n = turned
			turn(rest[:n])
		}
		if !whole(n) {
			m.in.Bad(fmt.Errorf("message of %d bytes in %d", n, len(rest)))
			return
		}
		m.message(p, rest[:n:n], b)
		rest = rest[min(len(rest), int(n+3)&^3):] // NLMSG_ALIGN
	}
}

func (m *messages) message(p *packet, msg []byte, b *monitor.Batch) {
	err := m.d.Decode(msg, b)
	if err != nil {
		if !errors.Is(err, ctnetlink.ErrNotConntrack) {
			m.in.Bad(err)
		}
		return
	}
	e := &b.Events[len(b.Events)-1]
	if !p.own && m.double(msg, e.Kind, p.time) {
		b.Drop()
		return
	}
	if e.TimeSource == monitor.TimeUnknown {
		e.Time, e.TimeSource = p.time, p.source
		if e.Time == 0 {
			e.TimeSource = monitor.TimeUnknown
		}
	}
	e.Seq = p.seq
	for i := range notes {
		if bytes.Equal(p.note, notes[i].text) {
			e.Kind, e.Inferred = notes[i].kind, notes[i].inferred
		}
	}
	if p.local != nil {
		if e.Local, err = jsonl.DecodeLocal(p.local); err != nil {
			m.in.Bad(err)
			b.Drop()
			return
		}
	}
	m.in.Good(b)
}

// doubleTime is the maximum time between two copies of one message.
const doubleTime = 10e6

// double reports whether an event repeats the previous one: an nlmon device gets a
// message once for each listener (netlink_deliver_tap).
func (m *messages) double(msg []byte, k monitor.Kind, t monitor.Time) bool {
	if k == monitor.KindExisting {
		return false
	}
	again := bytes.Equal(msg, m.prev) && t-m.prevTime < doubleTime
	m.prev, m.prevTime = append(m.prev[:0], msg...), t
	return again
}
