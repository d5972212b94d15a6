//go:build linux

package capture

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// A tuple in a message: its attributes in the only order that is accepted, with the
// distances from its beginning.
//
//	              IPv4              IPv6
//	 0            CTA_TUPLE_*       CTA_TUPLE_*
//	 4            CTA_TUPLE_IP      CTA_TUPLE_IP
//	 8            CTA_IP_V4_SRC     CTA_IP_V6_SRC
//	16 / 28       CTA_IP_V4_DST     CTA_IP_V6_DST
//	24 / 48       CTA_TUPLE_PROTO:  number alone, with two ports, or with id, type, code
//	behind it     CTA_TUPLE_ZONE, or nothing
const (
	origAt   = 20 // of the original tuple in a message, behind the headers
	minTuple = 4 + 20 + 12
)

// Words of scratch: the numbers that are read from a message, and what the reading
// needs.
const (
	numFamily = iota
	numProto  // of the original tuple, as all that has no direction
	numKind
	numOrig                  // L4 source, L4 destination, zone, whether CTA_TUPLE_ZONE was there
	numReply   = numOrig + 4 // the same
	numNumbers = numReply + 4

	scratchAt    = numNumbers + iota - 6 // offset up to which the message was read
	scratchRest                          // what is left of a tuple
	scratchReply                         // where the reply tuple begins
	scratchTmp
	scratchWords
)

// Distances from numOrig and numReply.
const (
	l4Src = iota
	l4Dst
	tupleZone
	tupleZoned
)

// Message types: the subsystem NFNL_SUBSYS_CTNETLINK with IPCTNL_MSG_CT_NEW or
// IPCTNL_MSG_CT_DELETE.
const (
	ctnetlinkNew    = unix.NFNL_SUBSYS_CTNETLINK << 8
	ctnetlinkDelete = unix.NFNL_SUBSYS_CTNETLINK<<8 | 2
)

// Attribute types of the top level, and the flag of a nest.
const (
	attrTupleOrig  = 1
	attrTupleReply = 2
	attrZone       = 18

	attrNested   = unix.NLA_F_NESTED
	attrTypeMask = 0x3fff
)

// message reads a message into scratch, and goes to "take" with a message of any
// other shape than the kernel's.
func (p *program) message() {
	p.header()
	p.tuple("orig", attrTupleOrig, numOrig)
	p.do(bpf.StoreScratch{Src: bpf.RegX, N: scratchReply})
	p.tuple("reply", attrTupleReply, numReply)
	p.zone()
}

// found16 is a number in the host's order as a load finds it: loads are big endian.
func found16(v uint16) uint32 {
	return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, v)))
}

// foundAttr is the header of an attribute as a load finds it.
func foundAttr(length, typ uint16) uint32 {
	b := binary.NativeEndian.AppendUint16(nil, length)
	return binary.BigEndian.Uint32(binary.NativeEndian.AppendUint16(b, typ))
}

// at loads what is at a distance from X.
func at(distance uint32, size int) bpf.Instruction {
	return bpf.LoadIndirect{Off: distance, Size: size}
}

// recall and keep are A from and to a word of scratch, recallX is X.
func recall(n int) bpf.Instruction  { return bpf.LoadScratch{Dst: bpf.RegA, N: n} }
func recallX(n int) bpf.Instruction { return bpf.LoadScratch{Dst: bpf.RegX, N: n} }
func keep(n int) bpf.Instruction    { return bpf.StoreScratch{Src: bpf.RegA, N: n} }

func set(a uint32) bpf.Instruction { return bpf.LoadConstant{Dst: bpf.RegA, Val: a} }

// want goes on if A is a value, and else takes the message.
func (p *program) want(value uint32) { p.ifA(bpf.JumpEqual, value, "", "take") }

// wantAt does so with the header of an attribute at a distance from X.
func (p *program) wantAt(distance uint32, length, typ uint16) {
	p.do(at(distance, 4))
	p.want(foundAttr(length, typ))
}

// room takes the message if it ends before A bytes behind scratchAt, and puts
// scratchAt into X. A load beyond the end would leave the message out.
func (p *program) room() {
	p.do(recallX(scratchAt), bpf.ALUOpX{Op: bpf.ALUOpAdd}, bpf.TAX{}, bpf.LoadExtension{Num: bpf.ExtLen})
	p.ifX(bpf.JumpGreaterOrEqual, "", "take")
	p.do(recallX(scratchAt))
}

// advance moves scratchAt, and X with it, by A.
func (p *program) advance() {
	p.do(recallX(scratchAt), bpf.ALUOpX{Op: bpf.ALUOpAdd}, keep(scratchAt), bpf.TAX{})
}

// header reads struct nlmsghdr: the message must be one of the three kinds of event and
// be no answer (ctnetlink.kindOf says the same).
func (p *program) header() {
	const typ, flags, seq = 4, 6, 8
	p.do(bpf.LoadExtension{Num: bpf.ExtLen})
	p.ifA(bpf.JumpGreaterOrEqual, origAt+2*minTuple, "", "take")
	p.do(set(0))
	for n := range numNumbers {
		p.do(keep(n))
	}
	half := bpf.LoadAbsolute{Off: flags, Size: 2}
	p.do(half)
	p.ifA(bpf.JumpBitsSet, found16(unix.NLM_F_REQUEST), "take", "")
	p.do(bpf.LoadAbsolute{Off: typ, Size: 2})
	p.ifA(bpf.JumpEqual, found16(ctnetlinkDelete), "destroy", "")
	p.want(found16(ctnetlinkNew))
	p.do(half)
	p.ifA(bpf.JumpBitsSet, found16(unix.NLM_F_MULTI|unix.NLM_F_DUMP_FILTERED), "take", "")
	p.do(bpf.LoadAbsolute{Off: seq, Size: 4})
	p.want(0)
	p.do(half)
	p.ifA(bpf.JumpBitsSet, found16(unix.NLM_F_CREATE|unix.NLM_F_EXCL), "new", "")
	p.do(set(uint32(monitor.KindUpdate)))
	p.jump("kind")
	p.label("new")
	p.do(set(uint32(monitor.KindNew)))
	p.jump("kind")
	p.label("destroy")
	p.do(set(uint32(monitor.KindDestroy)))
	p.label("kind")
	p.do(keep(numKind), set(origAt), keep(scratchAt))
}

// tuple reads the tuple at scratchAt into the numbers from num on, and moves
// scratchAt behind it.
func (p *program) tuple(name string, typ uint16, num int) {
	v6, proto := name+" v6", name+" proto"
	lowest := found16(1) & 1 // where the low byte of a length is
	p.do(set(minTuple))
	p.room()
	p.do(at(2, 2))
	p.want(found16(attrNested | typ))
	p.do(at(0, 2))
	p.ifA(bpf.JumpBitsSet, found16(0xff00), "take", "")
	p.do(at(lowest, 1))
	p.ifA(bpf.JumpGreaterOrEqual, minTuple, "", "take")
	p.do(keep(scratchRest))
	p.room()
	p.do(at(4, 4))
	p.ifA(bpf.JumpEqual, foundAttr(44, attrNested|1), v6, "")
	p.want(foundAttr(20, attrNested|1))
	p.family(monitor.IPv4, num, 8, 1)
	p.jump(proto)
	p.label(v6)
	p.do(recall(scratchRest))
	p.ifA(bpf.JumpGreaterOrEqual, minTuple+24, "", "take")
	p.family(monitor.IPv6, num, 20, 3)
	p.label(proto)
	p.proto(name, num)
}

// family reads the addresses of a tuple, in attributes of length addr and of types
// src and src+1, and goes on with CTA_TUPLE_PROTO at X.
func (p *program) family(f monitor.Family, num int, addr, src uint16) {
	p.wantAt(8, addr, src)
	p.wantAt(8+uint32(addr), addr, src+1)
	if num == numOrig {
		p.do(set(uint32(f)), keep(numFamily))
	} else {
		p.do(recall(numFamily))
		p.want(uint32(f))
	}
	size := uint32(8 + 2*addr)
	p.do(recall(scratchRest), bpf.ALUOpConstant{Op: bpf.ALUOpSub, Val: size}, keep(scratchRest), set(size))
	p.advance()
}

// proto reads CTA_TUPLE_PROTO at X, and what follows it: CTA_TUPLE_ZONE, or
// nothing.
func (p *program) proto(name string, num int) {
	ports, icmp, zone := name+" ports", name+" icmp", name+" zone"
	p.wantAt(4, 5, 1) // CTA_PROTO_NUM
	if num == numOrig {
		p.do(at(8, 1), keep(numProto))
	}
	p.do(at(0, 4))
	p.ifA(bpf.JumpEqual, foundAttr(28, attrNested|2), ports, "")
	p.ifA(bpf.JumpEqual, foundAttr(36, attrNested|2), icmp, "")
	p.want(foundAttr(12, attrNested|2))
	p.do(set(12))
	p.jump(zone)
	p.label(ports)
	p.ports(num)
	p.jump(zone)
	p.label(icmp)
	p.icmp(name, num)
	p.label(zone)
	p.tupleZone(name, num)
}

// within takes the message if the tuple has less than size bytes from X on.
func (p *program) within(size uint32) {
	p.do(recall(scratchRest))
	p.ifA(bpf.JumpGreaterOrEqual, size, "", "take")
}

// ports leaves in A what was read, as icmp does.
func (p *program) ports(num int) {
	p.within(28)
	p.wantAt(12, 6, 2)
	p.wantAt(20, 6, 3)
	p.do(at(16, 2), keep(num+l4Src), at(24, 2), keep(num+l4Dst), set(28))
}

func (p *program) icmp(name string, num int) {
	v6, echo := name+" icmp6", name+" echo"
	p.within(36)
	p.do(at(12, 4))
	p.ifA(bpf.JumpEqual, foundAttr(6, 7), v6, "")
	p.want(foundAttr(6, 4))
	p.wantAt(20, 5, 5)
	p.wantAt(28, 5, 6)
	p.jump(echo)
	p.label(v6)
	p.wantAt(20, 5, 8)
	p.wantAt(28, 5, 9)
	p.label(echo)
	p.do(at(16, 2), keep(num+l4Src),
		at(32, 1), keep(scratchTmp), // code
		at(24, 1), bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 8}, // type
		recallX(scratchTmp), bpf.ALUOpX{Op: bpf.ALUOpOr}, keep(num+l4Dst), set(36))
}

// tupleZone goes on behind the A bytes of the tuple's protocol.
func (p *program) tupleZone(name string, num int) {
	end := name + " end"
	p.do(bpf.TAX{}, recall(scratchRest), bpf.ALUOpX{Op: bpf.ALUOpSub}, keep(scratchRest), bpf.TXA{})
	p.advance()
	p.do(recall(scratchRest))
	p.ifA(bpf.JumpEqual, 0, end, "")
	p.want(8)
	p.wantAt(0, 6, 3)
	p.do(at(4, 2), keep(num+tupleZone), set(1), keep(num+tupleZoned), set(8))
	p.advance()
	p.label(end)
}

// zone reads CTA_ZONE, which is behind the tuples if it is there, for the tuples
// that have no zone of their own.
func (p *program) zone() {
	p.do(set(8))
	p.room()
	p.do(at(0, 4))
	p.ifA(bpf.JumpEqual, foundAttr(6, attrZone), "", "filter")
	p.do(at(4, 2), keep(scratchTmp), set(8))
	p.advance()
	p.do(recall(numOrig + tupleZoned))
	p.ifA(bpf.JumpEqual, 0, "", "zone of reply")
	p.do(recall(scratchTmp), keep(numOrig+tupleZone))
	p.label("zone of reply")
	p.do(recall(numReply + tupleZoned))
	p.ifA(bpf.JumpEqual, 0, "", "filter")
	p.do(recall(scratchTmp), keep(numReply+tupleZone))
}
