package pcapng

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"natlens/export/jsonl"
	"natlens/monitor"
	"natlens/monitor/replay"
)

// Format reads pcapng files of natlens and other programs.
var Format = replay.Format{
	Begins: func(head []byte) bool { return len(head) >= 4 && binary.LittleEndian.Uint32(head) == blockSection },
	Open: func(in *replay.Input, cfg *replay.Config) replay.Step {
		in.What = "block"
		r := &reader{in: in, m: messages{in: in}, locals: cfg.Locals}
		return r.step
	},
}

type reader struct {
	in     *replay.Input
	m      messages
	d      jsonl.Decoder
	order  binary.ByteOrder // of the current section
	ifaces []iface
	locals func(*monitor.Locals)
}

// iface is where packets come from.
type iface struct {
	link   uint16
	unit   byte // if_tsresol: 10^-unit seconds
	source monitor.TimeSource
	own    bool // written by natlens
}

// maxInterfaces limits the memory that a hostile file can use.
const maxInterfaces = 1024

// step reads one block.
func (r *reader) step(b *monitor.Batch) (bool, error) {
	head := r.in.Unread()
	if len(head) < 12 {
		return false, nil
	}
	order := r.order
	if order == nil || binary.LittleEndian.Uint32(head) == blockSection {
		if order = sectionOrder(head); order == nil {
			return false, r.in.NextError(errors.New("section header without a byte order"))
		}
	}
	n := order.Uint32(head[4:])
	switch {
	case n < 12 || n%4 != 0:
		return false, r.in.NextError(fmt.Errorf("block of %d bytes", n))
	case n > replay.MaxRecord:
		return false, r.in.NextError(replay.ErrTooLong)
	case int(n) > len(head):
		return false, nil
	case order.Uint32(head[n-4:]) != n:
		return false, r.in.NextError(fmt.Errorf("block of %d bytes ends as one of %d", n, order.Uint32(head[n-4:])))
	case len(b.Events) > 0 && order.Uint32(head) == blockStatistics &&
		bytes.Contains(head[:min(n, 80)], []byte(`"locals":`)):
		return false, nil // the addresses apply to later events only
	}
	r.order = order
	return true, r.block(r.in.Take(int(n)), b)
}

// sectionOrder returns the byte order of a section by its magic number; nil if it is wrong.
func sectionOrder(b []byte) binary.ByteOrder {
	switch uint32(sectionMagic) {
	case binary.LittleEndian.Uint32(b[8:]):
		return binary.LittleEndian
	case binary.BigEndian.Uint32(b[8:]):
		return binary.BigEndian
	}
	return nil
}

// block reads a whole block. An error ends the reading.
func (r *reader) block(block []byte, b *monitor.Batch) error {
	body := block[8 : len(block)-4]
	switch r.order.Uint32(block) {
	case blockSection:
		r.ifaces = r.ifaces[:0]
	case blockInterface:
		return r.describe(body)
	case blockPacket:
		return r.packet(body, b)
	case blockOldPacket, blockSimple:
		return r.in.Error(errors.New("packets of an old form: convert the file with editcap -F pcapng"))
	case blockStatistics:
		r.statistics(body, b)
	}
	return nil
}

// describe reads an interface description.
func (r *reader) describe(body []byte) error {
	if len(body) < 8 {
		return r.in.Error(replay.ErrCut)
	}
	if len(r.ifaces) == maxInterfaces {
		return r.in.Error(fmt.Errorf("more than %d interfaces", maxInterfaces))
	}
	i := iface{link: r.order.Uint16(body), unit: 6, source: monitor.TimeReceived}
	r.options(body[8:], func(code uint16, v []byte) {
		switch {
		case code == optInterfaceTime && len(v) == 1:
			i.unit = v[0]
		case code == optInterfaceText:
			if text, ok := bytes.CutPrefix(v, []byte("natlens: time of the ")); ok {
				i.own = true
				i.source = jsonl.TimeSourceNamed(string(bytes.TrimSuffix(text, []byte(" clock"))))
			}
		}
	})
	r.ifaces = append(r.ifaces, i)
	return nil
}

// options calls f for each option.
func (r *reader) options(b []byte, f func(code uint16, v []byte)) {
	for len(b) >= 4 {
		code, n := r.order.Uint16(b), int(r.order.Uint16(b[2:]))
		if code == optEnd || n > len(b)-4 {
			return
		}
		f(code, b[4:4+n])
		b = b[min(len(b), 4+(n+3)&^3):]
	}
}

// packet reads an Enhanced Packet Block:
//
//	interface 4 │ time 8 │ captured 4 │ length 4 │ data │ options
//
// Sizes and numbers are compared as unsigned: an int has 32 bits on some machines.
func (r *reader) packet(body []byte, b *monitor.Batch) error {
	const data = 20
	if len(body) < data {
		r.in.Bad(replay.ErrCut)
		return nil
	}
	index, n := r.order.Uint32(body), r.order.Uint32(body[12:])
	if uint64(n) > uint64(len(body)-data) || uint64(index) >= uint64(len(r.ifaces)) {
		r.in.Bad(fmt.Errorf("packet of %d bytes of interface %d, in a block of %d", n, index, len(body)+12))
		return nil
	}
	i := &r.ifaces[index]
	if i.link != linkNetlink {
		return r.in.Error(linkError(uint32(i.link)))
	}
	p := packet{data: body[data : data+int(n)], own: i.own, source: i.source}
	p.time = i.time(uint64(r.order.Uint32(body[4:]))<<32 | uint64(r.order.Uint32(body[8:])))
	if p.own {
		r.options(body[min(len(body), data+int(n+3)&^3):], func(code uint16, v []byte) {
			switch {
			case code == optComment && bytes.HasPrefix(v, localNote):
				p.local = v[len("natlens: "):]
			case code == optComment && p.note == nil:
				p.note = v
			case code == optPacketID && len(v) == 8:
				p.seq = r.order.Uint64(v)
			}
		})
	}
	r.m.read(&p, b)
	return nil
}

// statistics reads the comment in which natlens stores what is not a message: the line of an
// event, or the host's addresses, {"v":1,"locals":["192.0.2.1",…]}.
func (r *reader) statistics(body []byte, b *monitor.Batch) {
	if len(body) < 12 {
		return
	}
	r.options(body[12:], func(code uint16, v []byte) {
		text, ours := bytes.CutPrefix(v, []byte("natlens: "))
		if code != optComment || !ours || len(text) == 0 || text[0] != '{' {
			return
		}
		var addrs []netip.Addr
		list, isLocals := bytes.CutPrefix(text, []byte(`{"v":1,"locals":`))
		if isLocals && json.Unmarshal(bytes.TrimSuffix(list, []byte("}")), &addrs) == nil {
			if r.locals != nil {
				r.locals(monitor.NewLocals(addrs))
			}
			return
		}
		if err := r.d.Decode(text, b); err != nil {
			r.in.Bad(err)
			return
		}
		r.in.Good(b)
	})
}

// time returns a time of the interface in nanoseconds; 0 if it is not in decimal parts of a second,
// or impossible.
func (i *iface) time(t uint64) monitor.Time {
	const limit = 9e18 // the year 2255
	for unit := i.unit; unit > 9 && unit < 30; unit-- {
		t /= 10
	}
	for unit := i.unit; unit < 9; unit++ {
		t = 10 * min(t, limit/10+1) // does not overflow
	}
	if i.unit >= 30 || t > limit {
		return 0
	}
	return monitor.Time(t)
}
