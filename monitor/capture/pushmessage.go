//go:build linux

package capture

import (
	"encoding/binary"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// number is a field that the program has read from a message: 16 bits on its stack. The
// verifier does not track values of 16 bits. For tracked values it would follow the same code
// again for each value, and exceed its limit.
type number int16

const (
	numFamily number = iota
	numProto
	numKind
	numOrigSrc // of layer 4
	numOrigDst
	numOrigZone
	numReplySrc
	numReplyDst
	numReplyZone
	numbers
)

// at returns the place of a number, relative to the top of the stack.
func (n number) at() int16 { return -8 * int16(n+1) }

func (p *program) load(n number) { p.do(asm.LoadMem(regA, asm.R10, n.at(), asm.Half)) }

// The stack has the numbers, and below them copies of parts of the message: the headers with
// the original tuple, and the reply tuple with CTA_ZONE.
const (
	stackOrig  = -8*int16(numbers) - maxTuple // the original tuple
	stackHead  = stackOrig - headers
	stackReply = stackHead - maxTuple - zoneSize - 4 // aligned to 8

	headers  = 20 // nlmsghdr and nfgenmsg
	minTuple = 36
	maxTuple = 92
	zoneSize = 8 // CTA_TUPLE_ZONE or CTA_ZONE
)

var numberOf = map[filter.Field]number{
	filter.FieldFamily:     numFamily,
	filter.FieldProto:      numProto,
	filter.FieldEvent:      numKind,
	filter.FieldOrigL4Src:  numOrigSrc,
	filter.FieldOrigL4Dst:  numOrigDst,
	filter.FieldOrigZone:   numOrigZone,
	filter.FieldReplyL4Src: numReplySrc,
	filter.FieldReplyL4Dst: numReplyDst,
	filter.FieldReplyZone:  numReplyZone,
}

// addressOf returns the place of an address on the stack.
func addressOf(f filter.Field, family monitor.Family) (at int16, ok bool) {
	dst := int16(20)
	if family == monitor.IPv6 {
		dst = 32
	}
	at, ok = map[filter.Field]int16{
		filter.FieldOrigSrc: stackOrig + 12, filter.FieldOrigDst: stackOrig + dst,
		filter.FieldReplySrc: stackReply + 12, filter.FieldReplyDst: stackReply + dst,
	}[f]
	return at, ok
}

// kinds are the words after nlmsg_len in the three kinds of event: type and flags. The sequence
// number after them is 0. ctnetlink.kindOf has the same rule.
var kinds = map[monitor.Kind]uint32{
	monitor.KindNew:     halves(ctnetlinkNew, unix.NLM_F_CREATE|unix.NLM_F_EXCL),
	monitor.KindUpdate:  halves(ctnetlinkNew, 0),
	monitor.KindDestroy: halves(ctnetlinkDelete, 0),
}

// Message types: the subsystem NFNL_SUBSYS_CTNETLINK with IPCTNL_MSG_CT_NEW or
// IPCTNL_MSG_CT_DELETE.
const (
	ctnetlinkNew    = unix.NFNL_SUBSYS_CTNETLINK << 8
	ctnetlinkDelete = unix.NFNL_SUBSYS_CTNETLINK<<8 | 2
)

// halves returns two 16-bit numbers as a 32-bit load reads them: type and flags, or the length
// and type of an attribute.
func halves(first, second uint16) uint32 {
	b := binary.NativeEndian.AppendUint16(nil, first)
	return binary.NativeEndian.Uint32(binary.NativeEndian.AppendUint16(b, second))
}

// layout is one form of a tuple, as the types of its attributes:
//
//	CTA_TUPLE_ORIG or CTA_TUPLE_REPLY
//	├ CTA_TUPLE_IP     source, destination
//	├ CTA_TUPLE_PROTO  CTA_PROTO_NUM and what l4 has
//	└ CTA_TUPLE_ZONE   if zone
type layout struct {
	family monitor.Family
	l4     []uint16 // nothing; ports; or id, type and code
	zone   bool
}

// layouts are all layouts that the kernel writes.
var layouts = func() (all []layout) {
	for _, family := range []monitor.Family{monitor.IPv4, monitor.IPv6} {
		for _, l4 := range [][]uint16{{2, 3}, {4, 5, 6}, {7, 8, 9}, nil} {
			all = append(all, layout{family, l4, false}, layout{family, l4, true})
		}
	}
	return all
}()

// message reads a message, and jumps to "take" if the kernel does not write this layout.
func (p *program) message() {
	p.do(
		asm.LoadMem(asm.R1, regSkb, 0, asm.Word), // __sk_buff.len again: a zero that the verifier does not know
		asm.Sub.Reg(asm.R1, regLen))
	for n := range numbers {
		p.do(asm.StoreMem(asm.R10, n.at(), asm.R1, asm.Half))
	}
	for at := int16(stackReply); at < numbers.at()+8; at += 8 { // a copy may only overwrite initialised stack
		p.do(asm.StoreMem(asm.R10, at, asm.R1, asm.DWord))
	}
	p.do(asm.Mov.Imm(regAt, 0))
	p.copy(stackHead, headers+minTuple, headers+maxTuple)
	p.do(asm.LoadMem(regA, asm.R10, stackHead+8, asm.Word)) // nlmsg_seq
	p.unless(0, "take")
	p.do(asm.LoadMem(regA, asm.R10, stackHead+4, asm.Word))
	for _, kind := range []monitor.Kind{monitor.KindNew, monitor.KindUpdate, monitor.KindDestroy} {
		next := p.newLabel()
		p.unless(int32(kinds[kind]), next)
		p.do(asm.StoreImm(asm.R10, numKind.at(), int64(kind), asm.Half))
		p.jump("orig")
		p.label(next)
	}
	p.jump("take")

	p.label("orig")
	for _, l := range layouts {
		p.tuple(l, stackOrig, 1)
	}
	p.jump("take")

	p.label("reply")
	p.do(asm.LoadMem(regAt, asm.R10, stackOrig, asm.Half), asm.JGT.Imm(regAt, maxTuple, "take"),
		asm.Add.Imm(regAt, headers))
	p.copy(stackReply, minTuple, maxTuple+zoneSize)
	for _, l := range layouts {
		p.tuple(l, stackReply, 2)
	}
	p.jump("take")
}

// regAt is the offset in the message at which the program reads.
const regAt = asm.R9

// copy copies the message from regAt to the stack: up to size bytes, and at least least bytes.
func (p *program) copy(to int16, least, size int32) {
	whole := p.newLabel()
	p.do(asm.Mov.Reg(asm.R4, regLen), asm.Sub.Reg(asm.R4, regAt), asm.JLT.Imm(asm.R4, least, "take"),
		asm.JLE.Imm(asm.R4, size, whole), asm.Mov.Imm(asm.R4, size))
	p.label(whole)
	p.do(asm.Mov.Reg(asm.R1, regSkb), asm.Mov.Reg(asm.R2, regAt), asm.Mov.Reg(asm.R3, asm.R10),
		asm.Add.Imm(asm.R3, int32(to)), asm.FnSkbLoadBytes.Call(), asm.JNE.Imm(asm.R0, 0, "take"))
}

// read16 sets a number to 16 bits of the stack.
func (p *program) read16(n number, at int16) {
	p.do(asm.LoadMem(asm.R1, asm.R10, at, asm.Half), asm.HostTo(asm.BE, asm.R1, asm.Half),
		asm.StoreMem(asm.R10, n.at(), asm.R1, asm.Half))
}

// tuple reads the tuple at base, whose attribute type is typ, and jumps to "reply" or "filter".
// For another layout it continues with the next instruction.
func (p *program) tuple(l layout, base int16, typ uint16) {
	other := p.newLabel()
	is := func(at int16, length int, typ uint16, otherwise string) {
		p.do(asm.LoadMem(regA, asm.R10, at, asm.Word))
		p.unless(int32(halves(uint16(length), typ)), otherwise)
	}
	addr, src := 8, uint16(1)
	if l.family == monitor.IPv6 {
		addr, src = 20, 3
	}
	proto := base + 8 + 2*int16(addr)
	l4 := 12 + 8*len(l.l4)
	size := 8 + 2*addr + l4
	if l.zone {
		size += zoneSize
	}
	is(base, size, attrNested|typ, other)
	is(base+4, 4+2*addr, attrNested|1, other)
	is(base+8, addr, src, other)
	is(base+8+int16(addr), addr, src+1, other)
	is(proto, l4, attrNested|2, other)
	is(proto+4, 5, 1, other) // CTA_PROTO_NUM
	for i, typ := range l.l4 {
		length := 6 // ports and an id have two bytes, type and code one
		if len(l.l4) == 3 && i > 0 {
			length = 5
		}
		is(proto+12+8*int16(i), length, typ, other)
	}
	if l.zone {
		is(base+int16(size)-zoneSize, 6, 3, other)
	}

	num := numOrigSrc
	if typ == 1 {
		p.do(asm.StoreImm(asm.R10, numFamily.at(), int64(l.family), asm.Half),
			asm.LoadMem(asm.R1, asm.R10, proto+8, asm.Byte), asm.StoreMem(asm.R10, numProto.at(), asm.R1, asm.Half))
	} else {
		num = numReplySrc
		p.do(asm.Mov.Reg(asm.R1, regAt), asm.Add.Imm(asm.R1, int32(size)),
			asm.JGT.Reg(asm.R1, regLen, "take")) // truncated
		p.load(numFamily)
		p.unless(int32(l.family), "take")
	}
	if len(l.l4) > 0 {
		p.read16(num, proto+16)
		p.read16(num+1, proto+24)
	}
	if len(l.l4) == 3 { // the type is the upper byte; the code, another attribute, is the lower
		p.do(asm.LoadMem(regA, asm.R10, proto+24, asm.Byte), asm.LSh.Imm(regA, 8),
			asm.LoadMem(asm.R1, asm.R10, proto+32, asm.Byte), asm.Or.Reg(regA, asm.R1),
			asm.StoreMem(asm.R10, (num+1).at(), regA, asm.Half))
	}
	if l.zone {
		p.read16(num+2, base+int16(size)-zoneSize+4)
	}
	if typ == 1 {
		p.jump("reply")
	} else {
		// CTA_ZONE is the zone of both directions. Then no tuple has its own zone.
		is(base+int16(size), 6, attrZone, "filter")
		p.load(numOrigZone)
		p.unless(0, "take")
		p.load(numReplyZone)
		p.unless(0, "take")
		p.read16(numOrigZone, base+int16(size)+4)
		p.read16(numReplyZone, base+int16(size)+4)
		p.jump("filter")
	}
	p.label(other)
}

// Attribute types of the top level, and the flag of a nest.
const (
	attrZone   = 18
	attrNested = unix.NLA_F_NESTED
)
