//go:build linux

package capture

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// A socket without a ring gets the filter as a classic BPF program
// (SO_ATTACH_FILTER), which takes no capability and is older than conntrack's
// events. It is asked before the socket's queue is looked at: what it leaves out
// takes no room there and can't be lost. It can't count what it leaves out.
//
// The program does what the ring's does, with less: two registers, A and X, and 16
// words of scratch; loads of the message alone, which are of big endian numbers,
// while the headers of netlink are the host's; and no call but the one that finds
// an attribute. A load beyond the message's end would leave the message out, so
// that lengths are compared before.

// maxClassic is how long the kernel takes programs to be (BPF_MAXINSNS).
const maxClassic = 4096

// Words of scratch, behind the numbers.
const (
	scratchAt    = numNumbers + iota // offset up to which the message was read
	scratchRest                      // what is left of a tuple
	scratchReply                     // where the reply tuple begins
	scratchTmp
)

// classicTuple is where the original tuple begins.
const classicTuple = 20

// The results: bytes of the message to keep.
const (
	classicTake  = ^uint32(0)
	classicLeave = 0
)

// classicFilter assembles a program that leaves out what a filter does not want.
// Without a filter it is empty.
func classicFilter(e filter.Expr) ([]bpf.RawInstruction, error) {
	tests, err := pushTests(e)
	if err != nil || tests == nil {
		return nil, err
	}
	p := &classicProgram{}
	p.header()
	p.tuple(origTuple)
	p.do(bpf.StoreScratch{Src: bpf.RegX, N: scratchReply})
	p.tuple(replyTuple)
	p.zone()
	for _, t := range tests {
		p.test(t)
	}
	p.rest()
	return p.assemble()
}

// found16 is a number of the host's order as a load finds it.
func found16(v uint16) uint32 {
	return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, v)))
}

// foundAttr is the header of an attribute.
func foundAttr(length, typ uint16) uint32 {
	b := binary.NativeEndian.AppendUint16(nil, length)
	return binary.BigEndian.Uint32(binary.NativeEndian.AppendUint16(b, typ))
}

// The host's order of bytes.
var bigEndian = found16(1) == 1

// at loads what stands at a distance from X.
func at(distance uint32, size int) bpf.Instruction {
	return bpf.LoadIndirect{Off: distance, Size: size}
}

// recall and keep are A from and to a word of scratch, recallX is X.
func recall(n int) bpf.Instruction  { return bpf.LoadScratch{Dst: bpf.RegA, N: n} }
func recallX(n int) bpf.Instruction { return bpf.LoadScratch{Dst: bpf.RegX, N: n} }
func keep(n int) bpf.Instruction    { return bpf.StoreScratch{Src: bpf.RegA, N: n} }

func set(a uint32) bpf.Instruction { return bpf.LoadConstant{Dst: bpf.RegA, Val: a} }

// want goes on if A is a value, and else passes the message.
func (p *classicProgram) want(value uint32) { p.ifA(bpf.JumpEqual, value, "", "take") }

// wantAt does so with the header of an attribute at a distance from X.
func (p *classicProgram) wantAt(distance uint32, length, typ uint16) {
	p.do(at(distance, 4))
	p.want(foundAttr(length, typ))
}

// room passes the message if it ends before A bytes behind scratchAt, and puts
// scratchAt into X.
func (p *classicProgram) room() {
	p.do(recallX(scratchAt), bpf.ALUOpX{Op: bpf.ALUOpAdd}, bpf.TAX{}, bpf.LoadExtension{Num: bpf.ExtLen})
	p.ifX(bpf.JumpGreaterOrEqual, "", "take")
	p.do(recallX(scratchAt))
}

// advance moves scratchAt, and X with it, by A.
func (p *classicProgram) advance() {
	p.do(recallX(scratchAt), bpf.ALUOpX{Op: bpf.ALUOpAdd}, keep(scratchAt), bpf.TAX{})
}

// header reads struct nlmsghdr, as pushHeader does.
func (p *classicProgram) header() {
	const typ, flags, seq = 4, 6, 8
	p.do(bpf.LoadExtension{Num: bpf.ExtLen})
	p.ifA(bpf.JumpGreaterOrEqual, classicTuple+2*minTuple, "", "take")
	p.length()
	p.do(set(0))
	for n := range int(numNumbers) {
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
	p.do(keep(numKind), set(classicTuple), keep(scratchAt))
}

// length passes a message that does not fill its datagram, or is longer than the
// kernel's ever are.
func (p *classicProgram) length() {
	low, high := uint32(0), uint32(2)
	if bigEndian {
		low, high = high, low
	}
	p.do(bpf.LoadAbsolute{Off: high, Size: 2})
	p.want(0)
	if bigEndian {
		p.do(bpf.LoadAbsolute{Off: low, Size: 2})
	} else {
		p.do(bpf.LoadAbsolute{Off: low + 1, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 8}, bpf.TAX{},
			bpf.LoadAbsolute{Off: low, Size: 1}, bpf.ALUOpX{Op: bpf.ALUOpOr})
	}
	p.do(bpf.TAX{}, bpf.LoadExtension{Num: bpf.ExtLen})
	p.ifX(bpf.JumpEqual, "", "take")
}

// tuple reads the tuple at scratchAt into its numbers, and moves scratchAt behind
// it.
func (p *classicProgram) tuple(t pushedTuple) {
	v6, proto := t.name+" v6", t.name+" proto"
	lowest := uint32(0)
	if bigEndian {
		lowest = 1
	}
	p.do(set(minTuple))
	p.room()
	p.do(at(2, 2))
	p.want(found16(attrNested | t.typ))
	p.do(at(0, 2))
	p.ifA(bpf.JumpBitsSet, found16(0xff00), "take", "")
	p.do(at(lowest, 1))
	p.ifA(bpf.JumpGreaterOrEqual, minTuple, "", "take")
	p.do(keep(scratchRest))
	p.room()
	p.do(at(4, 4))
	p.ifA(bpf.JumpEqual, foundAttr(44, attrNested|1), v6, "")
	p.want(foundAttr(20, attrNested|1))
	p.family(t, monitor.IPv4, 8, 1)
	p.jump(proto)
	p.label(v6)
	p.do(recall(scratchRest))
	p.ifA(bpf.JumpGreaterOrEqual, minTuple+24, "", "take")
	p.family(t, monitor.IPv6, 20, 3)
	p.label(proto)
	p.proto(t)
}

// family reads the addresses of a tuple, as pushedTuple.family does, and goes on
// with CTA_TUPLE_PROTO at X.
func (p *classicProgram) family(t pushedTuple, f monitor.Family, addr, src uint16) {
	p.wantAt(8, addr, src)
	p.wantAt(8+uint32(addr), addr, src+1)
	if t == origTuple {
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
func (p *classicProgram) proto(t pushedTuple) {
	ports, icmp, zone := t.name+" ports", t.name+" icmp", t.name+" zone"
	p.wantAt(4, 5, 1) // CTA_PROTO_NUM
	if t == origTuple {
		p.do(at(8, 1), keep(numProto))
	}
	p.do(at(0, 4))
	p.ifA(bpf.JumpEqual, foundAttr(28, attrNested|2), ports, "")
	p.ifA(bpf.JumpEqual, foundAttr(36, attrNested|2), icmp, "")
	p.want(foundAttr(12, attrNested|2))
	p.do(set(12))
	p.jump(zone)
	p.label(ports)
	p.ports(t)
	p.jump(zone)
	p.label(icmp)
	p.icmp(t)
	p.label(zone)
	p.tupleZone(t)
}

// within passes the message if the tuple has less than size bytes from X on.
func (p *classicProgram) within(size uint32) {
	p.do(recall(scratchRest))
	p.ifA(bpf.JumpGreaterOrEqual, size, "", "take")
}

// ports leaves in A what was read, as icmp does.
func (p *classicProgram) ports(t pushedTuple) {
	p.within(28)
	p.wantAt(12, 6, 2)
	p.wantAt(20, 6, 3)
	p.do(at(16, 2), keep(int(t.numbers+l4Src)), at(24, 2), keep(int(t.numbers+l4Dst)), set(28))
}

func (p *classicProgram) icmp(t pushedTuple) {
	v6, echo := t.name+" icmp6", t.name+" echo"
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
	p.do(at(16, 2), keep(int(t.numbers+l4Src)),
		at(32, 1), keep(scratchTmp), // code
		at(24, 1), bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 8}, // type
		recallX(scratchTmp), bpf.ALUOpX{Op: bpf.ALUOpOr}, keep(int(t.numbers+l4Dst)), set(36))
}

// tupleZone goes on behind the A bytes of the tuple's protocol.
func (p *classicProgram) tupleZone(t pushedTuple) {
	p.do(bpf.TAX{}, recall(scratchRest), bpf.ALUOpX{Op: bpf.ALUOpSub}, keep(scratchRest), bpf.TXA{})
	p.advance()
	p.do(recall(scratchRest))
	p.ifA(bpf.JumpEqual, 0, t.then, "")
	p.want(8)
	p.wantAt(0, 6, 3)
	p.do(at(4, 2), keep(int(t.numbers+tupleZone)), set(1), keep(int(t.numbers+tupleZoned)), set(8))
	p.advance()
	p.label(t.then)
}

// zone reads CTA_ZONE, as pushZone does.
func (p *classicProgram) zone() {
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

// test assembles one test of the filter.
func (p *classicProgram) test(t pushTest) {
	p.label(t.label)
	if t.yes == t.no {
		p.jump(t.no)
		return
	}
	if t.b != nil {
		p.load(*t.b)
		p.do(keep(scratchTmp))
		p.load(t.a)
		p.do(recallX(scratchTmp))
		p.ifX(bpf.JumpEqual, t.no, t.yes)
		return
	}
	if !t.loaded {
		p.load(t.a)
		if t.mask != ^uint32(0) {
			p.do(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: t.mask})
		}
	}
	if t.lo == t.hi {
		p.ifA(bpf.JumpEqual, t.lo, t.yes, t.no)
		return
	}
	p.ifA(bpf.JumpGreaterOrEqual, t.lo, "", t.no)
	p.ifA(bpf.JumpGreaterThan, t.hi, t.no, t.yes)
}

// load loads what a test reads.
func (p *classicProgram) load(o operand) {
	switch o.of {
	case ofNumbers:
		p.do(recall(int(o.at)))
	case ofOrig:
		p.do(bpf.LoadAbsolute{Off: classicTuple + uint32(o.at), Size: 4})
	case ofReply:
		p.do(recallX(scratchReply), at(uint32(o.at), 4))
	}
}

// rest looks for what the decoder would take instead of what was read, and ends
// the program. The kernel finds attributes as the decoder does: it stops at one
// that contradicts the message's length, where the decoder calls the message
// malformed.
func (p *classicProgram) rest() {
	p.label("leave")
	for _, typ := range []uint32{attrTupleOrig, attrTupleReply, attrZone} {
		p.do(bpf.LoadConstant{Dst: bpf.RegX, Val: typ}, recall(scratchAt), bpf.LoadExtension{Num: bpf.ExtNetlinkAttr})
		p.want(0)
	}
	p.do(bpf.RetConstant{Val: classicLeave})
	p.label("take")
	p.do(bpf.RetConstant{Val: classicTake})
}
