package pcapng

import (
	"encoding/binary"
	"errors"
	"io"

	"natlens/monitor"
	"natlens/monitor/replay"
)

// PCAP reads classic pcap files of others.
var PCAP = replay.Format{
	Begins: func(head []byte) bool {
		_, _, ok := pcapOrder(head)
		return ok
	},
	Open: func(w *replay.Window, f *replay.Faults, _ *replay.Config) replay.Reader {
		order, nanos, _ := pcapOrder(w.Unread())
		return &pcapFile{w: w, f: f, m: messages{f: f}, order: order, nanos: nanos}
	},
}

// pcapFile reads a classic capture file of tcpdump on an nlmon device.
//
//	header   magic 4 │ version 4 │ zone 4 │ accuracy 4 │ snapshot length 4 │ link type 4
//	packet   seconds 4 │ fraction 4 │ captured 4 │ length 4 │ data
type pcapFile struct {
	w      *replay.Window
	f      *replay.Faults
	m      messages
	order  binary.ByteOrder
	nanos  bool // the fraction is nanoseconds, not microseconds
	begun  bool
	number uint64 // of the packet at hand, from 1
	fail   error
}

// The magic numbers: the first four bytes in the writer's byte order.
const (
	pcapMicros = 0xa1b2c3d4
	pcapNanos  = 0xa1b23c4d
)

const (
	pcapHeader   = 24
	pcapPacket   = 16
	pcapLinkMask = 0x03ffffff // above it stands how long frames end
)

// pcapOrder tells by the first four bytes whether it is such a file, and how its
// numbers stand.
func pcapOrder(head []byte) (order binary.ByteOrder, nanos, ok bool) {
	if len(head) < 4 {
		return nil, false, false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(head) {
		case pcapMicros:
			return order, false, true
		case pcapNanos:
			return order, true, true
		}
	}
	return nil, false, false
}

// Next appends events to the empty batch. They point into the window, which is
// therefore moved on only between two calls or while the batch is empty.
func (p *pcapFile) Next(b *monitor.Batch) error {
	for p.fail == nil {
		for len(b.Events) < monitor.BatchSize && p.fail == nil && p.packet(b) {
		}
		switch {
		case len(b.Events) > 0:
			return nil
		case p.fail != nil:
		case p.w.Fill():
		default:
			return p.last(b)
		}
	}
	return p.fail
}

// packet reads the file's header or a packet. It returns false if not all of it is
// in the window, or with fail set.
func (p *pcapFile) packet(b *monitor.Batch) bool {
	head := p.w.Unread()
	if !p.begun {
		if len(head) < pcapHeader {
			return false
		}
		if link := p.order.Uint32(head[20:]) & pcapLinkMask; link != linkNetlink {
			p.fail = p.f.At("packet", 0, 0, linkError(uint16(min(link, 0xffff))))
			return false
		}
		p.begun = true
		p.w.Take(pcapHeader)
		return true
	}
	if len(head) < pcapPacket {
		return false
	}
	n := p.order.Uint32(head[8:])
	if n > replay.WindowMax-pcapPacket {
		p.fail = p.f.At("packet", p.number+1, p.w.Offset, replay.ErrTooLong)
		return false
	}
	if len(head) < pcapPacket+int(n) {
		return false
	}
	p.number++
	offset := p.w.Offset
	data := p.w.Take(pcapPacket + int(n))
	pkt := packet{data: data[pcapPacket:], source: monitor.TimeReceived, cut: n < p.order.Uint32(data[12:])}
	fraction := monitor.Time(p.order.Uint32(data[4:]))
	if !p.nanos {
		fraction *= 1e3
	}
	pkt.time = monitor.Time(p.order.Uint32(data))*1e9 + fraction
	p.m.read(&pkt, b, func(err error) { p.f.Bad("packet", p.number, offset, err) })
	return true
}

// last looks at what stands behind the last whole packet.
func (p *pcapFile) last(b *monitor.Batch) error {
	if err := p.w.Err; !errors.Is(err, io.EOF) && !replay.Cut(err) {
		return p.f.At("packet", p.number+1, p.w.Offset, err)
	}
	if len(p.w.Unread()) > 0 || replay.Cut(p.w.Err) {
		p.f.Cut("packet", p.number+1, p.w.Offset)
	}
	p.f.End(b)
	return io.EOF
}
