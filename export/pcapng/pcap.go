package pcapng

import (
	"encoding/binary"

	"natlens/monitor"
	"natlens/monitor/replay"
)

// PCAP reads classic pcap files, as tcpdump writes them on an nlmon device.
var PCAP = replay.Format{
	Begins: func(head []byte) bool { return pcapOrder(head) != nil },
	Open: func(in *replay.Input, _ *replay.Config) replay.Step {
		in.What = "packet"
		return (&pcapReader{in: in, m: messages{in: in}, order: pcapOrder(in.Unread())}).step
	},
}

// pcapReader reads
//
//	header   magic 4 │ version 4 │ zone 4 │ accuracy 4 │ snapshot length 4 │ link type 4
//	packet   seconds 4 │ fraction 4 │ captured 4 │ length 4 │ data
type pcapReader struct {
	in    *replay.Input
	m     messages
	order binary.ByteOrder
	unit  monitor.Time // of the fraction, in nanoseconds; 0: the header was not read
}

const (
	// The magic numbers: the first four bytes in the writer's byte order.
	pcapMicros = 0xa1b2c3d4
	pcapNanos  = 0xa1b23c4d

	pcapHeader   = 24
	pcapPacket   = 16
	pcapLinkMask = 0x03ffffff // the bits above describe the end of frames
)

// pcapOrder returns the byte order of a pcap file that begins with head, nil if it is
// none.
func pcapOrder(head []byte) binary.ByteOrder {
	if len(head) < 4 {
		return nil
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if magic := order.Uint32(head); magic == pcapMicros || magic == pcapNanos {
			return order
		}
	}
	return nil
}

// step reads the header or a packet.
func (r *pcapReader) step(b *monitor.Batch) (bool, error) {
	head := r.in.Unread()
	if r.unit == 0 {
		if len(head) < pcapHeader {
			return false, nil
		}
		if link := r.order.Uint32(head[20:]) & pcapLinkMask; link != linkNetlink {
			return false, r.in.Error(linkError(link))
		}
		if r.unit = 1; r.order.Uint32(head) == pcapMicros {
			r.unit = 1e3
		}
		r.in.Skip(pcapHeader)
		return true, nil
	}
	if len(head) < pcapPacket {
		return false, nil
	}
	n := r.order.Uint32(head[8:])
	if n > replay.MaxRecord-pcapPacket {
		return false, r.in.NextError(replay.ErrTooLong)
	}
	if len(head) < pcapPacket+int(n) {
		return false, nil
	}
	data := r.in.Take(pcapPacket + int(n))
	r.m.read(&packet{
		data:   data[pcapPacket:],
		time:   monitor.Time(r.order.Uint32(data))*1e9 + monitor.Time(r.order.Uint32(data[4:]))*r.unit,
		source: monitor.TimeReceived,
	}, b)
	return true, nil
}
