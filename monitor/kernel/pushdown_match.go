//go:build linux

package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf/asm"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// numberSlots are the fields that In can ask for, and their numbers.
var numberSlots = map[filter.Field]int{
	filter.FieldFamily:     numFamily,
	filter.FieldProto:      numProto,
	filter.FieldEvent:      numKind,
	filter.FieldOrigL4Src:  numOrig + l4Src,
	filter.FieldOrigL4Dst:  numOrig + l4Dst,
	filter.FieldOrigZone:   numOrig + tupleZone,
	filter.FieldReplyL4Src: numReply + l4Src,
	filter.FieldReplyL4Dst: numReply + l4Dst,
	filter.FieldReplyZone:  numReply + tupleZone,
}

// addressSlot returns where on the stack an address stands, by its family.
func addressSlot(f filter.Field, family monitor.Family) (at int16, ok bool) {
	src, dst := int16(12), int16(20)
	if family == monitor.IPv6 {
		dst = 32
	}
	switch f {
	case filter.FieldOrigSrc:
		return stackOrig + src, true
	case filter.FieldOrigDst:
		return stackOrig + dst, true
	case filter.FieldReplySrc:
		return stackReply + src, true
	case filter.FieldReplyDst:
		return stackReply + dst, true
	}
	return 0, false
}

// matcher compiles a tree of primitives to jumps.
type matcher struct {
	ins    asm.Instructions
	labels int
	next   string // symbol of the next instruction
}

func (m *matcher) label() string {
	m.labels++
	return fmt.Sprintf("match %d", m.labels)
}

func (m *matcher) emit(ins ...asm.Instruction) {
	if m.next != "" {
		ins[0] = ins[0].WithSymbol(m.next)
		m.next = ""
	}
	m.ins = append(m.ins, ins...)
}

// match emits code that goes to yes if e is true and to no if it is not. A
// constant stands only at the top.
func (m *matcher) match(e filter.Expr, yes, no string) {
	switch e := e.(type) {
	case filter.Const: // false; see pushInstructions
		m.emit(asm.Ja.Label(no))
	case filter.Not:
		m.match(e.X, no, yes)
	case filter.And:
		for _, x := range e[:len(e)-1] {
			next := m.label()
			m.match(x, next, no)
			m.next = next
		}
		m.match(e[len(e)-1], yes, no)
	case filter.Or:
		for _, x := range e[:len(e)-1] {
			next := m.label()
			m.match(x, yes, next)
			m.next = next
		}
		m.match(e[len(e)-1], yes, no)
	case filter.In:
		m.in(e, yes, no)
	case filter.Prefix:
		m.prefix(e, yes, no)
	case filter.Differ:
		m.differ(e, yes, no)
	}
}

// pushRanges are the ranges of an In in which a number of 16 bits can lie.
func pushRanges(e filter.In) []filter.Range {
	var out []filter.Range
	for _, r := range e.Set {
		if r.Lo <= 0xffff {
			out = append(out, filter.Range{Lo: r.Lo, Hi: min(r.Hi, 0xffff)})
		}
	}
	return out
}

func (m *matcher) in(e filter.In, yes, no string) {
	m.emit(asm.LoadMem(asm.R1, asm.R10, number(numberSlots[e.Field]), asm.DWord))
	if mask := e.Mask & 0xffff; mask != 0xffff {
		m.emit(asm.And.Imm(asm.R1, int32(mask)))
	}
	for _, r := range pushRanges(e) {
		if r.Lo == r.Hi {
			m.emit(asm.JEq.Imm(asm.R1, int32(r.Lo), yes))
			continue
		}
		m.emit(
			asm.Mov.Reg(asm.R2, asm.R1),
			asm.Sub.Imm(asm.R2, int32(r.Lo)),
			asm.JLE.Imm(asm.R2, int32(r.Hi-r.Lo), yes), // unsigned: below Lo is far above
		)
	}
	m.emit(asm.Ja.Label(no))
}

// prefix compares an address word by word, as far as the prefix reaches.
func (m *matcher) prefix(e filter.Prefix, yes, no string) {
	family := monitor.IPv6
	if e.Net.Addr().Is4() {
		family = monitor.IPv4
	}
	at, _ := addressSlot(e.Field, family)
	m.emit(
		asm.LoadMem(asm.R1, asm.R10, number(numFamily), asm.DWord),
		asm.JNE.Imm(asm.R1, int32(family), no),
	)
	addr, bits := e.Net.Addr().AsSlice(), e.Net.Bits()
	for i := 0; i < bits; i += 32 {
		m.word(addr[i/8:], at+int16(i/8), min(bits-i, 32), no)
	}
	m.emit(asm.Ja.Label(yes))
}

// word goes to no unless the first bits of a word on the stack are those of want.
func (m *matcher) word(want []byte, at int16, bits int, no string) {
	var mask [4]byte
	binary.BigEndian.PutUint32(mask[:], ^uint32(0)<<(32-bits))
	masked := binary.NativeEndian.Uint32(mask[:])
	m.emit(asm.LoadMem(asm.R1, asm.R10, at, asm.Word))
	if bits < 32 {
		m.emit(asm.And.Imm32(asm.R1, int32(masked)))
	}
	m.emit(asm.JNE.Imm32(asm.R1, int32(binary.NativeEndian.Uint32(want)&masked), no))
}

// differ compares two numbers, or two addresses of the flow's family.
func (m *matcher) differ(e filter.Differ, yes, no string) {
	a, ok := numberSlots[e.A]
	if ok {
		m.emit(
			asm.LoadMem(asm.R1, asm.R10, number(a), asm.DWord),
			asm.LoadMem(asm.R2, asm.R10, number(numberSlots[e.B]), asm.DWord),
			asm.JNE.Reg(asm.R1, asm.R2, yes),
			asm.Ja.Label(no),
		)
		return
	}
	v6 := m.label()
	m.emit(
		asm.LoadMem(asm.R1, asm.R10, number(numFamily), asm.DWord),
		asm.JEq.Imm(asm.R1, int32(monitor.IPv6), v6),
	)
	m.differAddr(e, monitor.IPv4, yes, no)
	m.next = v6
	m.differAddr(e, monitor.IPv6, yes, no)
}

func (m *matcher) differAddr(e filter.Differ, family monitor.Family, yes, no string) {
	a, _ := addressSlot(e.A, family)
	b, _ := addressSlot(e.B, family)
	size := int16(netip.IPv4Unspecified().BitLen() / 8)
	if family == monitor.IPv6 {
		size = 16
	}
	for i := int16(0); i < size; i += 4 {
		m.emit(
			asm.LoadMem(asm.R1, asm.R10, a+i, asm.Word),
			asm.LoadMem(asm.R2, asm.R10, b+i, asm.Word),
			asm.JNE.Reg(asm.R1, asm.R2, yes),
		)
	}
	m.emit(asm.Ja.Label(no))
}
