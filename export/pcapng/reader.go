package pcapng

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"natlens/export/jsonl"
	"natlens/monitor"
	"natlens/monitor/replay"
)

// Format reads pcapng files of natlens and of others.
var Format = replay.Format{
	Begins: func(head []byte) bool { return len(head) >= 4 && binary.LittleEndian.Uint32(head) == blockSection },
	Open: func(w *replay.Window, f *replay.Faults, cfg *replay.Config) replay.Reader {
		return &capture{w: w, f: f, m: messages{f: f}, locals: cfg.Locals}
	},
}

// capture reads a recording in pcapng.
type capture struct {
	w      *replay.Window
	f      *replay.Faults
	m      messages
	d      jsonl.Decoder
	order  binary.ByteOrder
	ifaces []iface
	number uint64 // of the block at hand, from 1
	locals func(*monitor.Locals)
	fail   error // what ends the reading, after the events before it
}

// iface is where packets come from.
type iface struct {
	link    uint16
	clock   clock
	source  monitor.TimeSource
	own     bool
	snapLen uint32
}

// maxInterfaces bounds what a hostile file can make us keep.
const maxInterfaces = 1024

// Next appends events to the empty batch. They point into the window, which is
// therefore moved on only between two calls or while the batch is empty.
func (c *capture) Next(b *monitor.Batch) error {
	for c.fail == nil {
		for len(b.Events) < monitor.BatchSize {
			block, ok := c.block(len(b.Events) > 0)
			if !ok {
				break
			}
			if c.fail = c.read(block, b); c.fail != nil {
				break
			}
		}
		switch {
		case len(b.Events) > 0:
			return nil
		case c.fail != nil:
		case c.w.Fill():
		default:
			return c.last(b)
		}
	}
	return c.fail
}

// block takes the next whole block. Before one that tells the local addresses it
// stops as long as there are events in the batch: those addresses are for later
// ones.
func (c *capture) block(events bool) ([]byte, bool) {
	b := c.w.Unread()
	if len(b) < 12 {
		return nil, false
	}
	order := c.order
	if order == nil || binary.LittleEndian.Uint32(b) == blockSection {
		if order = sectionOrder(b); order == nil {
			c.failAt(errors.New("section header without byte order"))
			return nil, false
		}
	}
	n := order.Uint32(b[4:])
	switch {
	case n < 12 || n%4 != 0:
		c.failAt(fmt.Errorf("block of %d bytes", n))
		return nil, false
	case n > replay.WindowMax:
		c.failAt(replay.ErrTooLong)
		return nil, false
	case int(n) > len(b):
		return nil, false
	case order.Uint32(b[n-4:]) != n:
		c.failAt(fmt.Errorf("block of %d bytes ends as one of %d", n, order.Uint32(b[n-4:])))
		return nil, false
	case events && order.Uint32(b) == blockStatistics && bytes.Contains(b[:min(int(n), 80)], []byte(`"locals":`)):
		return nil, false
	}
	c.order = order
	c.number++
	return c.w.Take(int(n)), true
}

// sectionOrder finds the byte order of a section by its magic number.
func sectionOrder(b []byte) binary.ByteOrder {
	switch uint32(sectionMagic) {
	case binary.LittleEndian.Uint32(b[8:]):
		return binary.LittleEndian
	case binary.BigEndian.Uint32(b[8:]):
		return binary.BigEndian
	}
	return nil
}

func (c *capture) failAt(err error) { c.fail = c.f.At("block", c.number+1, c.w.Offset, err) }

// Bad notes that the block at hand could not be read.
func (c *capture) Bad(block []byte, err error) {
	c.f.Bad("block", c.number, c.w.Offset-int64(len(block)), err)
}

// last looks at what stands behind the last whole block.
func (c *capture) last(b *monitor.Batch) error {
	if err := c.w.Err; !errors.Is(err, io.EOF) && !replay.Cut(err) {
		return c.f.At("block", c.number+1, c.w.Offset, err)
	}
	if len(c.w.Unread()) > 0 || replay.Cut(c.w.Err) {
		c.f.Cut("block", c.number+1, c.w.Offset)
	}
	c.f.End(b)
	return io.EOF
}

// read takes one block; an error ends the reading.
func (c *capture) read(block []byte, b *monitor.Batch) error {
	body := block[8 : len(block)-4]
	var err error
	switch c.order.Uint32(block) {
	case blockSection:
		c.ifaces = c.ifaces[:0]
	case blockInterface:
		err = c.describe(body)
	case blockPacket, blockOldPacket, blockSimple:
		return c.packet(block, body, b)
	case blockStatistics:
		c.statistics(block, body, b)
	}
	if err != nil {
		return c.f.At("block", c.number, c.w.Offset-int64(len(block)), err)
	}
	return nil
}

// describe reads an interface description.
func (c *capture) describe(body []byte) error {
	if len(body) < 8 || len(c.ifaces) == maxInterfaces {
		return errors.New("interface description that can't be used")
	}
	i := iface{link: c.order.Uint16(body), clock: clock{unit: 6}, source: monitor.TimeReceived, snapLen: c.order.Uint32(body[4:])}
	c.options(body[8:], func(code uint16, v []byte) {
		switch {
		case code == optInterfaceTime && len(v) == 1:
			i.clock.unit = v[0]
		case code == optInterfaceShift && len(v) == 8:
			i.clock.shift = int64(c.order.Uint64(v))
		case code == optInterfaceText:
			if text, ok := bytes.CutPrefix(v, []byte("natlens: time of the ")); ok {
				i.own = true
				i.source = jsonl.TimeSourceNamed(string(bytes.TrimSuffix(text, []byte(" clock"))))
			}
		}
	})
	c.ifaces = append(c.ifaces, i)
	return nil
}

// options calls f for each option.
func (c *capture) options(b []byte, f func(code uint16, v []byte)) {
	for len(b) >= 4 {
		code, n := c.order.Uint16(b), int(c.order.Uint16(b[2:]))
		if code == optEnd || n > len(b)-4 {
			return
		}
		f(code, b[4:4+n])
		b = b[min(len(b), 4+(n+3)&^3):]
	}
}

// packet reads one of the three kinds of packet blocks.
//
//	enhanced   interface 4 │ time 8 │ captured 4 │ length 4 │ data │ options
//	old        interface 2 │ drops 2 │ likewise
//	simple     length 4 │ data
func (c *capture) packet(block, body []byte, b *monitor.Batch) error {
	var p packet
	index, options := uint32(0), []byte(nil)
	typ := c.order.Uint32(block)
	if typ == blockSimple {
		if len(body) < 4 || len(c.ifaces) == 0 {
			c.Bad(block, replay.ErrCut)
			return nil
		}
		length := c.order.Uint32(body)
		p.data = body[4:]
		if snap := c.ifaces[0].snapLen; snap != 0 && snap < length {
			length, p.cut = snap, true
		}
		p.data = p.data[:min(len(p.data), int(length))]
	} else {
		if len(body) < 20 {
			c.Bad(block, replay.ErrCut)
			return nil
		}
		if index = c.order.Uint32(body); typ == blockOldPacket {
			index = uint32(c.order.Uint16(body))
		}
		n := c.order.Uint32(body[12:])
		if uint64(n) > uint64(len(body)-20) || int(index) >= len(c.ifaces) {
			c.Bad(block, fmt.Errorf("packet of %d bytes of interface %d, in a block of %d", n, index, len(block)))
			return nil
		}
		p.data, p.cut = body[20:20+n], n < c.order.Uint32(body[16:])
		options = body[min(len(body), 20+int(n+3)&^3):]
	}
	if int(index) >= len(c.ifaces) {
		c.Bad(block, replay.ErrCut)
		return nil
	}
	i := &c.ifaces[index]
	if i.link != linkNetlink {
		return c.f.At("block", c.number, c.w.Offset-int64(len(block)), linkError(i.link))
	}
	p.own, p.source = i.own, i.source
	if typ != blockSimple {
		p.time = i.clock.time(uint64(c.order.Uint32(body[4:]))<<32 | uint64(c.order.Uint32(body[8:])))
	}
	if p.own {
		c.options(options, func(code uint16, v []byte) {
			switch {
			case code == optComment && p.note == nil:
				p.note = v
			case code == optPacketID && len(v) == 8:
				p.seq = c.order.Uint64(v)
			}
		})
	}
	c.m.read(&p, b, func(err error) { c.Bad(block, err) })
	return nil
}

// linkError is a capture of something else.
func linkError(link uint16) error {
	return fmt.Errorf("a capture of link type %d: only netlink (253), as of an nlmon device, tells of flows", link)
}

// statistics reads the comment in which natlens notes what is no message.
func (c *capture) statistics(block, body []byte, b *monitor.Batch) {
	if len(body) < 12 {
		return
	}
	c.options(body[12:], func(code uint16, v []byte) {
		text, ours := bytes.CutPrefix(v, []byte("natlens: "))
		if code != optComment || !ours || len(text) == 0 || text[0] != '{' {
			return
		}
		if locals, ok := parseLocals(text); ok {
			if c.locals != nil {
				c.locals(locals)
			}
			return
		}
		if err := c.d.Decode(text, b); err != nil {
			c.Bad(block, err)
			return
		}
		c.f.Good(b)
	})
}

// clock is how an interface counts time.
type clock struct {
	unit  byte  // if_tsresol: 10^-unit seconds, with the top bit 2^-unit
	shift int64 // if_tsoffset, seconds
}

// time returns 0 for what is no time that can be told.
func (c clock) time(t uint64) monitor.Time {
	var ns uint64
	if c.unit&0x80 != 0 {
		n := uint(c.unit & 0x7f)
		hi, lo := bits.Mul64(t, 1e9)
		if n < 64 {
			if hi>>n != 0 {
				return 0
			}
			ns = hi<<(64-n) | lo>>n
		} else {
			ns = hi >> (n - 64)
		}
	} else {
		ns = t
		for n := c.unit; n < 9; n++ {
			hi, lo := bits.Mul64(ns, 10)
			if hi != 0 {
				return 0
			}
			ns = lo
		}
		for n := c.unit; n > 9 && ns > 0; n-- {
			ns /= 10
		}
	}
	const limit = 9e18 // the year 2255
	if ns > limit || c.shift > limit/1e9 || c.shift < -limit/1e9 {
		return 0
	}
	sum := int64(ns) + c.shift*1e9
	if sum < 0 {
		return 0
	}
	return monitor.Time(sum)
}
