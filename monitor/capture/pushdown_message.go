//go:build linux

package capture

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// The stack of the program, below R10: the two tuples as they stand in the
// message, and the numbers that were found, 8 bytes each in the host's order.
//
// A tuple in a message, its attributes in the only order that is taken, with the
// distances from its beginning:
//
//	              IPv4              IPv6
//	 0            CTA_TUPLE_*       CTA_TUPLE_*
//	 4            CTA_TUPLE_IP      CTA_TUPLE_IP
//	 8            CTA_IP_V4_SRC     CTA_IP_V6_SRC
//	16 / 28       CTA_IP_V4_DST     CTA_IP_V6_DST
//	24 / 48       CTA_TUPLE_PROTO:  number alone, with two ports, or with id, type, code
//	behind it     CTA_TUPLE_ZONE, or nothing
const (
	tupleRoom = 96 // at least maxTuple, in whole words
	minTuple  = 4 + 20 + 12
	maxTuple  = 4 + 44 + 36 + 8

	stackTmp     = -24 // 24 bytes for headers
	stackOrig    = stackTmp - tupleRoom
	stackReply   = stackOrig - tupleRoom
	stackNumbers = stackReply - 8*numNumbers
)

func number(n int16) int16 { return stackNumbers + 8*n }

// pushedTuple is one of the tuples. The instructions that read it bear the label
// name, and go on at the label then.
type pushedTuple struct {
	name    string
	then    string
	typ     uint16 // CTA_TUPLE_ORIG, CTA_TUPLE_REPLY
	stack   int16
	numbers int16
}

var (
	origTuple  = pushedTuple{"orig", "reply", attrTupleOrig, stackOrig, numOrig}
	replyTuple = pushedTuple{"reply", "zone", attrTupleReply, stackReply, numReply}
)

// Message types: the subsystem NFNL_SUBSYS_CTNETLINK with IPCTNL_MSG_CT_NEW or
// IPCTNL_MSG_CT_DELETE.
const (
	ctnetlinkNew    = unix.NFNL_SUBSYS_CTNETLINK << 8
	ctnetlinkDelete = unix.NFNL_SUBSYS_CTNETLINK<<8 | 2
)

// Attribute types of the top level that are of interest, and the flag of a nest.
const (
	attrTupleOrig  = 1
	attrTupleReply = 2
	attrZone       = 18

	attrNested   = unix.NLA_F_NESTED
	attrTypeMask = 0x3fff
)

// attrWord is the header of an attribute as a 32-bit load finds it.
func attrWord(length, typ uint16) int32 {
	var b [4]byte
	binary.NativeEndian.PutUint16(b[0:], length)
	binary.NativeEndian.PutUint16(b[2:], typ)
	return int32(binary.NativeEndian.Uint32(b[:]))
}

// regAt holds the offset in the message up to which it was read, once the tuples
// are being read.
const regAt = asm.R9

// load copies n bytes of the message at regAt to the stack, or passes the message
// if it ends before.
func load(n int32, to int16) asm.Instructions {
	return append(asm.Instructions{asm.Mov.Imm(asm.R4, n)}, loadR4(to)...)
}

// loadR4 is load for as many bytes as R4 says.
func loadR4(to int16) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R1, regSkb),
		asm.Mov.Reg(asm.R2, regAt),
		asm.Mov.Reg(asm.R3, asm.R10),
		asm.Add.Imm(asm.R3, int32(to)),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "take"),
	}
}

// labelled gives the first instruction a label, unless that is "".
func labelled(label string, ins asm.Instructions) asm.Instructions {
	if label == "" {
		return ins
	}
	ins[0] = ins[0].WithSymbol(label)
	return ins
}

// want passes the message unless an attribute header on the stack is this one.
func want(at int16, length, typ uint16) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R1, asm.R10, at, asm.Word),
		asm.JNE.Imm32(asm.R1, attrWord(length, typ), "take"),
	}
}

// pushHeader reads struct nlmsghdr: the message must fill its datagram, be of one
// of the three kinds of event and answer nobody (ctnetlink.kindOf says the same).
func pushHeader() asm.Instructions {
	const typ, flags, seq = stackTmp + 4, stackTmp + 6, stackTmp + 8
	return slices.Concat(asm.Instructions{asm.Mov.Imm(regAt, 0)}, load(16, stackTmp), asm.Instructions{
		asm.LoadMem(asm.R1, asm.R10, stackTmp, asm.Word),
		asm.JNE.Reg(asm.R1, regLen, "take"),
		asm.LoadMem(asm.R2, asm.R10, flags, asm.Half),
		asm.JSet.Imm(asm.R2, unix.NLM_F_REQUEST, "take"),
		asm.Mov.Imm(asm.R3, int32(monitor.KindDestroy)),
		asm.LoadMem(asm.R1, asm.R10, typ, asm.Half),
		asm.JEq.Imm(asm.R1, ctnetlinkDelete, "kind"),
		asm.JNE.Imm(asm.R1, ctnetlinkNew, "take"),
		asm.JSet.Imm(asm.R2, unix.NLM_F_MULTI|unix.NLM_F_DUMP_FILTERED, "take"),
		asm.LoadMem(asm.R1, asm.R10, seq, asm.Word),
		asm.JNE.Imm(asm.R1, 0, "take"),
		asm.Mov.Imm(asm.R3, int32(monitor.KindNew)),
		asm.JSet.Imm(asm.R2, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "kind"),
		asm.Mov.Imm(asm.R3, int32(monitor.KindUpdate)),
		asm.StoreMem(asm.R10, number(numKind), asm.R3, asm.DWord).WithSymbol("kind"),
		asm.Mov.Imm(regAt, 20), // behind struct nfgenmsg
	})
}

// pushTuple reads the tuple at regAt into its place on the stack and finds its
// numbers, and moves regAt behind it.
func pushTuple(t pushedTuple) asm.Instructions {
	var zero asm.Instructions
	for at := int16(0); at < tupleRoom; at += 8 {
		zero = append(zero, asm.StoreMem(asm.R10, t.stack+at, asm.R1, asm.DWord))
	}
	for n := range int16(4) {
		zero = append(zero, asm.StoreMem(asm.R10, number(t.numbers+n), asm.R1, asm.DWord))
	}
	return slices.Concat(labelled(t.name, load(4, stackTmp)), asm.Instructions{
		asm.LoadMem(asm.R1, asm.R10, stackTmp+2, asm.Half),
		asm.JNE.Imm(asm.R1, attrNested|int32(t.typ), "take"),
		asm.LoadMem(asm.R4, asm.R10, stackTmp, asm.Half),
		asm.JLT.Imm(asm.R4, minTuple, "take"),
		asm.JGT.Imm(asm.R4, maxTuple, "take"),
		// The helper wants memory that was written before, as it may write less
		// than all. What a tuple has not stays 0.
		asm.Mov.Imm(asm.R1, 0),
	}, zero, loadR4(t.stack), asm.Instructions{
		asm.LoadMem(asm.R4, asm.R10, t.stack, asm.Half),
		asm.Add.Reg(regAt, asm.R4),
		asm.LoadMem(asm.R1, asm.R10, t.stack+4, asm.Word),
		asm.JEq.Imm32(asm.R1, attrWord(44, attrNested|1), t.name+" v6"),
		asm.JNE.Imm32(asm.R1, attrWord(20, attrNested|1), "take"),
	},
		t.family(monitor.IPv4, 8, 1),
		labelled(t.name+" v6", t.family(monitor.IPv6, 20, 3)))
}

// family reads a tuple of one family: addresses in attributes of length addr, of
// the types src and src+1.
func (t pushedTuple) family(f monitor.Family, addr, src uint16) asm.Instructions {
	family := asm.Instructions{
		asm.LoadMem(asm.R1, asm.R10, number(numFamily), asm.DWord),
		asm.JNE.Imm(asm.R1, int32(f), "take"),
	}
	if t == origTuple {
		family = asm.Instructions{
			asm.Mov.Imm(asm.R1, int32(f)),
			asm.StoreMem(asm.R10, number(numFamily), asm.R1, asm.DWord),
		}
	}
	return slices.Concat(
		want(t.stack+8, addr, src),
		want(t.stack+8+int16(addr), addr, src+1),
		family,
		t.proto(fmt.Sprintf("%s %v", t.name, f), int16(8+2*addr)))
}

// proto reads CTA_TUPLE_PROTO, which stands at a distance of at in the tuple, and
// what follows it.
func (t pushedTuple) proto(label string, at int16) asm.Instructions {
	s := t.stack + at
	num := want(s+4, 5, 1) // CTA_PROTO_NUM
	if t == origTuple {
		num = append(num,
			asm.LoadMem(asm.R1, asm.R10, s+8, asm.Byte),
			asm.StoreMem(asm.R10, number(numProto), asm.R1, asm.DWord),
		)
	}
	shape := asm.Instructions{
		asm.LoadMem(asm.R1, asm.R10, s, asm.Word),
		asm.JEq.Imm32(asm.R1, attrWord(28, attrNested|2), label+" ports"),
		asm.JEq.Imm32(asm.R1, attrWord(36, attrNested|2), label+" icmp"),
		asm.JNE.Imm32(asm.R1, attrWord(12, attrNested|2), "take"),
	}
	return slices.Concat(num, shape, t.zone(at+12),
		labelled(label+" ports", t.ports(s)), t.zone(at+28),
		labelled(label+" icmp", t.icmp(s, label+" icmp6", label+" echo")), t.zone(at+36))
}

// ports reads CTA_PROTO_SRC_PORT and CTA_PROTO_DST_PORT of the protocol at s.
func (t pushedTuple) ports(s int16) asm.Instructions {
	return slices.Concat(want(s+12, 6, 2), want(s+20, 6, 3), t.store(s+16, l4Src), t.store(s+24, l4Dst))
}

// icmp reads CTA_PROTO_ICMP_ID, _TYPE and _CODE of the protocol at s, or those of
// ICMPv6.
func (t pushedTuple) icmp(s int16, v6, echo string) asm.Instructions {
	return slices.Concat(asm.Instructions{
		asm.LoadMem(asm.R1, asm.R10, s+12, asm.Word),
		asm.JEq.Imm32(asm.R1, attrWord(6, 7), v6),
		asm.JNE.Imm32(asm.R1, attrWord(6, 4), "take"),
	}, want(s+20, 5, 5), want(s+28, 5, 6), asm.Instructions{
		asm.Ja.Label(echo),
	}, labelled(v6, want(s+20, 5, 8)), want(s+28, 5, 9),
		labelled(echo, t.store(s+16, l4Src)), asm.Instructions{
			asm.LoadMem(asm.R1, asm.R10, s+24, asm.Byte), // type
			asm.LSh.Imm(asm.R1, 8),
			asm.LoadMem(asm.R2, asm.R10, s+32, asm.Byte), // code
			asm.Or.Reg(asm.R1, asm.R2),
			asm.StoreMem(asm.R10, number(t.numbers+l4Dst), asm.R1, asm.DWord),
		})
}

// store turns 16 bits of the message into one of the tuple's numbers.
func (t pushedTuple) store(at, n int16) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R1, asm.R10, at, asm.Half),
		asm.HostTo(asm.BE, asm.R1, asm.Half),
		asm.StoreMem(asm.R10, number(t.numbers+n), asm.R1, asm.DWord),
	}
}

// zone ends the reading of a tuple whose addresses and protocol end at a distance
// of at: there must be nothing more, or CTA_TUPLE_ZONE. R4 is its length.
func (t pushedTuple) zone(at int16) asm.Instructions {
	s := t.stack + at
	return slices.Concat(asm.Instructions{
		asm.JEq.Imm(asm.R4, int32(at), t.then),
		asm.JNE.Imm(asm.R4, int32(at)+8, "take"),
	}, want(s, 6, 3), t.store(s+4, tupleZone), asm.Instructions{
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreMem(asm.R10, number(t.numbers+tupleZoned), asm.R1, asm.DWord),
		asm.Ja.Label(t.then),
	})
}

// pushZone reads CTA_ZONE, which stands behind the tuples if it is there, for
// those tuples that have no zone of their own.
func pushZone() asm.Instructions {
	return slices.Concat(labelled("zone", load(8, stackTmp)), asm.Instructions{
		asm.LoadMem(asm.R1, asm.R10, stackTmp, asm.Word),
		asm.JNE.Imm32(asm.R1, attrWord(6, attrZone), "filter"),
		asm.Add.Imm(regAt, 8),
		asm.LoadMem(asm.R1, asm.R10, stackTmp+4, asm.Half),
		asm.HostTo(asm.BE, asm.R1, asm.Half),
		asm.LoadMem(asm.R2, asm.R10, number(numOrig+tupleZoned), asm.DWord),
		asm.JNE.Imm(asm.R2, 0, "zone of reply"),
		asm.StoreMem(asm.R10, number(numOrig+tupleZone), asm.R1, asm.DWord),
		asm.LoadMem(asm.R2, asm.R10, number(numReply+tupleZoned), asm.DWord).WithSymbol("zone of reply"),
		asm.JNE.Imm(asm.R2, 0, "filter"),
		asm.StoreMem(asm.R10, number(numReply+tupleZone), asm.R1, asm.DWord),
	})
}

// maxAttributes bounds the walk over the rest of a message; the kernel writes
// less than half as many.
const maxAttributes = 48

// pushRest looks over the attributes from regAt on, of a message that is not
// wanted, for what the decoder would take instead of what was read.
func pushRest() asm.Instructions {
	const count = asm.R7
	ins := asm.Instructions{
		asm.Mov.Imm(count, 0).WithSymbol("leave"),
		asm.Mov.Reg(asm.R1, regLen).WithSymbol("next"),
		asm.Sub.Imm(asm.R1, 4),
		asm.JGT.Reg(regAt, asm.R1, "counted"), // no room for one more: the end
		asm.Add.Imm(count, 1),
		asm.JGT.Imm(count, maxAttributes, "take"),
	}
	ins = append(ins, load(4, stackTmp)...)
	return append(ins,
		asm.LoadMem(asm.R1, asm.R10, stackTmp, asm.Half),
		asm.JLT.Imm(asm.R1, 4, "take"),
		asm.LoadMem(asm.R2, asm.R10, stackTmp+2, asm.Half),
		asm.And.Imm(asm.R2, attrTypeMask),
		asm.JEq.Imm(asm.R2, attrTupleOrig, "take"),
		asm.JEq.Imm(asm.R2, attrTupleReply, "take"),
		asm.JEq.Imm(asm.R2, attrZone, "take"),
		asm.Mov.Reg(asm.R2, regAt),
		asm.Add.Reg(asm.R2, asm.R1),
		asm.JGT.Reg(asm.R2, regLen, "take"), // longer than what is there
		asm.Add.Imm(asm.R1, 3),
		asm.And.Imm(asm.R1, ^int32(3)),
		asm.Add.Reg(regAt, asm.R1),
		asm.Ja.Label("next"),
	)
}
