//go:build linux

package capture

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/net/bpf"

	"natlens/monitor/filter"
)

// The machine of a classic program inside the ring's program: A and X are registers
// that calls preserve, the words of scratch are on the stack, 8 bytes each.
const (
	regA = asm.R7
	regX = asm.R9
)

func scratch(n int) int16 { return int16(-8 * (n + 1)) }

// Below the scratch: a zero, and the header of an attribute.
//
// Constants are added to the zero, which the verifier takes for an unknown number: it
// follows a part of the program again for every different number that is known there,
// and would not get to the end.
const (
	scratchZero = scratchWords
	stackTmp    = -8 * (scratchWords + 2)
)

// maxPush is the most instructions of a filter: the verifier follows each of them on
// every way that leads there.
const maxPush = maxClassic

// ringFilter translates the program of a filter for the front of the ring's program:
// it goes on to "take" with what is wanted or not understood, and to "out" with what
// is left out, which it counts. Without a filter it is empty.
func ringFilter(e filter.Expr, counters int) (asm.Instructions, error) {
	p, err := pushProgram(e)
	if err != nil || p == nil {
		return nil, err
	}
	if len(p.ins) > maxPush {
		return nil, errPushLong
	}
	// An instruction can have one label only.
	first := map[string]string{}
	for _, i := range p.ins {
		for _, label := range i.labels {
			first[label] = i.labels[0]
		}
	}
	to := func(label string) string {
		if l, ok := first[label]; ok {
			return l
		}
		return label // behind the filter
	}
	out := asm.Instructions{
		asm.LoadMem(asm.R1, regSkb, 0, asm.Word), // __sk_buff.len
		asm.Sub.Reg(asm.R1, regLen),
		asm.StoreMem(asm.R10, scratch(scratchZero), asm.R1, asm.DWord),
	}
	for _, i := range p.ins {
		ins, err := translate(i, to)
		if err != nil {
			return nil, err
		}
		if len(i.labels) > 0 {
			ins[0] = ins[0].WithSymbol(i.labels[0])
		}
		out = append(out, ins...)
	}
	return append(out, ringRest(counters)...), nil
}

var (
	aluOps = map[bpf.ALUOp]asm.ALUOp{
		bpf.ALUOpAdd: asm.Add, bpf.ALUOpSub: asm.Sub, bpf.ALUOpOr: asm.Or, bpf.ALUOpAnd: asm.And,
		bpf.ALUOpShiftLeft: asm.LSh,
	}
	jumpOps = map[bpf.JumpTest]asm.JumpOp{
		bpf.JumpEqual: asm.JEq, bpf.JumpGreaterThan: asm.JGT, bpf.JumpGreaterOrEqual: asm.JGE,
		bpf.JumpBitsSet: asm.JSet,
	}
	sizes = map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word}
)

// translate returns what an instruction is for the ring's program. eBPF has the
// loads of classic programs, with the message in R6 and the result in R0.
func translate(i labelled, to func(string) string) (asm.Instructions, error) {
	reg := func(r bpf.Register) asm.Register {
		if r == bpf.RegX {
			return regX
		}
		return regA
	}
	jump := func(yes func(label string) asm.Instruction) (out asm.Instructions) {
		// Both branches are explicit, unless a branch is the next instruction.
		end := i.no
		if i.yes != "" {
			out = append(out, yes(to(i.yes)))
		}
		if end != "" {
			out = append(out, asm.Ja.Label(to(end)))
		}
		return out
	}
	switch ins := i.ins.(type) {
	case bpf.LoadConstant:
		dst := reg(ins.Dst)
		return asm.Instructions{
			asm.LoadMem(dst, asm.R10, scratch(scratchZero), asm.DWord), asm.Add.Imm32(dst, int32(ins.Val)),
		}, nil
	case bpf.LoadScratch:
		return asm.Instructions{asm.LoadMem(reg(ins.Dst), asm.R10, scratch(ins.N), asm.DWord)}, nil
	case bpf.StoreScratch:
		return asm.Instructions{asm.StoreMem(asm.R10, scratch(ins.N), reg(ins.Src), asm.DWord)}, nil
	case bpf.LoadAbsolute:
		return asm.Instructions{asm.LoadAbs(int32(ins.Off), sizes[ins.Size]), asm.Mov.Reg32(regA, asm.R0)}, nil
	case bpf.LoadIndirect:
		return asm.Instructions{asm.LoadInd(asm.R0, regX, int32(ins.Off), sizes[ins.Size]), asm.Mov.Reg32(regA,
				asm.R0)},
			nil
	case bpf.LoadExtension:
		return asm.Instructions{asm.Mov.Reg32(regA, regLen)}, nil // ExtLen is the only one
	case bpf.ALUOpConstant:
		return asm.Instructions{aluOps[ins.Op].Imm32(regA, int32(ins.Val))}, nil
	case bpf.ALUOpX:
		return asm.Instructions{aluOps[ins.Op].Reg32(regA, regX)}, nil
	case bpf.TAX:
		return asm.Instructions{asm.Mov.Reg32(regX, regA)}, nil
	case bpf.TXA:
		return asm.Instructions{asm.Mov.Reg32(regA, regX)}, nil
	case bpf.Jump:
		return asm.Instructions{asm.Ja.Label(to(i.yes))}, nil
	case bpf.JumpIf:
		if i.yes == "" && ins.Cond != bpf.JumpBitsSet {
			return asm.Instructions{inverse[ins.Cond].Imm32(regA, int32(ins.Val), to(i.no))}, nil
		}
		return jump(func(l string) asm.Instruction { return jumpOps[ins.Cond].Imm32(regA, int32(ins.Val), l) }), nil
	case bpf.JumpIfX:
		if i.yes == "" {
			return asm.Instructions{inverse[ins.Cond].Reg32(regA, regX, to(i.no))}, nil
		}
		return jump(func(l string) asm.Instruction { return jumpOps[ins.Cond].Reg32(regA, regX, l) }), nil
	}
	return nil, fmt.Errorf("no translation of %v", i.ins)
}

// inverse are the tests of which the other branch is the next instruction.
var inverse = map[bpf.JumpTest]asm.JumpOp{
	bpf.JumpEqual: asm.JNE, bpf.JumpGreaterThan: asm.JLE, bpf.JumpGreaterOrEqual: asm.JLT,
}

// maxAttributes bounds the walk over the rest of a message; the kernel writes less
// than half as many.
const maxAttributes = 48

// ringRest checks the attributes behind those that were read, of a message that is
// not wanted, for what the decoder would use instead, and counts what is left out.
func ringRest(counters int) asm.Instructions {
	const at, count = regX, regA
	return asm.Instructions{
		asm.LoadMem(at, asm.R10, scratch(scratchAt), asm.DWord).WithSymbol("leave"),
		asm.Mov.Imm(count, 0),
		asm.Mov.Reg(asm.R1, regLen).WithSymbol("next"),
		asm.Sub.Imm(asm.R1, 4),
		asm.JGT.Reg(at, asm.R1, "counted"), // fewer than four bytes are left: the end
		asm.Add.Imm(count, 1),
		asm.JGT.Imm(count, maxAttributes, "take"),

		asm.Mov.Reg(asm.R1, regSkb),
		asm.Mov.Reg(asm.R2, at),
		asm.Mov.Reg(asm.R3, asm.R10),
		asm.Add.Imm(asm.R3, stackTmp),
		asm.Mov.Imm(asm.R4, 4),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "take"),

		asm.LoadMem(asm.R1, asm.R10, stackTmp, asm.Half),
		asm.JLT.Imm(asm.R1, 4, "take"),
		asm.LoadMem(asm.R2, asm.R10, stackTmp+2, asm.Half),
		asm.And.Imm(asm.R2, attrTypeMask),
		asm.JEq.Imm(asm.R2, attrTupleOrig, "take"),
		asm.JEq.Imm(asm.R2, attrTupleReply, "take"),
		asm.JEq.Imm(asm.R2, attrZone, "take"),
		asm.Mov.Reg(asm.R2, at),
		asm.Add.Reg(asm.R2, asm.R1),
		asm.JGT.Reg(asm.R2, regLen, "take"), // longer than what is there
		asm.Add.Imm(asm.R1, 3),
		asm.And.Imm(asm.R1, ^int32(3)),
		asm.Add.Reg(at, asm.R1),
		asm.Ja.Label("next"),

		asm.LoadMapValue(asm.R1, counters, counterLeft).WithSymbol("counted"),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
		asm.Ja.Label("out"),
	}
}
