//go:build linux

package capture

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf/asm"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// A pushed filter runs in the kernel before a message is queued, so events that it does not
// select cost the reader nothing. It is part of the socket's eBPF program:
//
//	message ─▶ both tuples, zone ─▶ filter ─▶ "leave"
//	    │               │              │
//	    └───────────────┴──────────────┴────▶ "take"
//
// The program does not decode. It compares the message with the layouts that
// ctnetlink_conntrack_event() writes (net/netfilter/nf_conntrack_netlink.c), which give the
// offsets of the fields. It takes a message of any other layout, and the reader decides. So a
// message that is left out is an event that the filter does not select, or was not sent by the
// kernel.

// Push says which part of a filter runs where.
type Push struct {
	Kernel filter.Expr // what the kernel applies, by ring and by socket; Const(true): nothing
	Reader filter.Expr // what the reader must apply
	Why    string      // why the kernel applies nothing although it could; else ""
}

// ExplainPush splits a filter. kinds reports whether conditions on the kind of event may be
// pushed. That is only for streams without a table, because a table needs all events of its
// flows.
//
// Use Kernel as Config.Push. To apply the whole filter in the reader is always correct too.
func ExplainPush(e filter.Expr, kinds bool) Push {
	pushed, rest := filter.Split(e, kinds)
	if _, err := pushProgram(pushed); err != nil {
		return Push{filter.Const(true), e, err.Error()}
	}
	return Push{pushed, rest, ""}
}

// maxPush is the maximum number of instructions of a filter. The verifier follows every path
// through them.
const maxPush = 2000

var errPushLong = errors.New("the filter is too long for the kernel")

// pushProgram returns instructions that jump to "leave" for a message that the filter does not
// select, and to "take" otherwise. It returns none if the filter selects everything. They
// expect the message in regSkb and its length in regLen.
func pushProgram(e filter.Expr) (asm.Instructions, error) {
	if e == nil {
		return nil, nil
	}
	if e = filter.Lower(e); e == filter.Const(true) {
		return nil, nil
	}
	p := &program{}
	p.message()
	p.label("filter")
	p.match(e, "take", "leave")
	if p.err == nil && len(p.ins) > maxPush {
		p.err = errPushLong
	}
	return p.ins, p.err
}

// match jumps to yes if e is true and to no if it is false. A lowered filter has a constant
// only at the top, and only false, so all of the program can be reached.
func (p *program) match(e filter.Expr, yes, no string) {
	switch e := e.(type) {
	case filter.Const:
		p.jump(no)
	case filter.Not:
		p.match(e.X, no, yes)
	case filter.And:
		for _, x := range e[:len(e)-1] {
			next := p.newLabel()
			p.match(x, next, no)
			p.label(next)
		}
		p.match(e[len(e)-1], yes, no)
	case filter.Or:
		for _, x := range e[:len(e)-1] {
			next := p.newLabel()
			p.match(x, yes, next)
			p.label(next)
		}
		p.match(e[len(e)-1], yes, no)
	case filter.In:
		p.in(e, yes, no)
	case filter.Prefix:
		p.prefix(e, yes, no)
	case filter.Differ:
		p.differ(e, yes, no)
	default:
		p.cannot(e)
	}
}

// cannot sets the error of a condition that can't run in the kernel.
func (p *program) cannot(e filter.Expr) {
	if p.err == nil {
		p.err = fmt.Errorf("%v can't run in the kernel", e)
	}
}

// in compares a number with each range. Numbers have 16 bits.
func (p *program) in(e filter.In, yes, no string) {
	n, ok := numberOf[e.Field]
	if !ok {
		p.cannot(e)
	}
	p.load(n)
	if mask := uint16(e.Mask); mask != 0xffff {
		p.do(asm.And.Imm(regA, int32(mask)))
	}
	for _, r := range e.Set {
		if r.Lo > 0xffff {
			continue
		}
		lo, hi := int32(r.Lo), int32(min(r.Hi, 0xffff))
		if lo == hi {
			p.do(asm.JEq.Imm(regA, lo, yes))
			continue
		}
		next := p.newLabel()
		p.do(asm.JLT.Imm(regA, lo, next), asm.JLE.Imm(regA, hi, yes))
		p.label(next)
	}
	p.jump(no)
}

// prefix compares the words of an address that the prefix covers.
func (p *program) prefix(e filter.Prefix, yes, no string) {
	addr, bits := e.Net.Addr().AsSlice(), e.Net.Bits()
	family := monitor.IPv6
	if len(addr) == 4 {
		family = monitor.IPv4
	}
	at, ok := addressOf(e.Field, family)
	if !ok {
		p.cannot(e)
	}
	p.load(numFamily)
	p.unless(int32(family), no)
	for word := 0; 32*word < bits; word++ {
		var mask [4]byte
		binary.BigEndian.PutUint32(mask[:], ^uint32(0)<<(32-min(bits-32*word, 32)))
		m := binary.NativeEndian.Uint32(mask[:])
		p.do(asm.LoadMem(regA, asm.R10, at+int16(4*word), asm.Word))
		if m != ^uint32(0) {
			p.do(asm.And.Imm32(regA, int32(m)))
		}
		p.unless(int32(binary.NativeEndian.Uint32(addr[4*word:])&m), no)
	}
	p.jump(yes)
}

// differ compares two numbers, or two addresses of the flow's family.
func (p *program) differ(e filter.Differ, yes, no string) {
	a, isNumber := numberOf[e.A]
	b, alsoNumber := numberOf[e.B]
	if isNumber && alsoNumber {
		p.load(a)
		p.do(asm.LoadMem(asm.R1, asm.R10, b.at(), asm.Half), asm.JNE.Reg(regA, asm.R1, yes))
		p.jump(no)
		return
	}
	v6 := p.newLabel()
	p.load(numFamily)
	p.unless(int32(monitor.IPv4), v6)
	p.differAddr(e, monitor.IPv4, yes, no)
	p.label(v6)
	p.differAddr(e, monitor.IPv6, yes, no)
}

func (p *program) differAddr(e filter.Differ, family monitor.Family, yes, no string) {
	a, ok := addressOf(e.A, family)
	b, also := addressOf(e.B, family)
	if !ok || !also {
		p.cannot(e)
	}
	words := int16(1)
	if family == monitor.IPv6 {
		words = 4
	}
	for i := range words {
		p.do(asm.LoadMem(regA, asm.R10, a+4*i, asm.Word), asm.LoadMem(asm.R1, asm.R10, b+4*i, asm.Word),
			asm.JNE.Reg(regA, asm.R1, yes))
	}
	p.jump(no)
}
