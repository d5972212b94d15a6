//go:build linux

package capture

import (
	"encoding/binary"
	"slices"

	"github.com/cilium/ebpf/asm"

	"natlens/monitor/filter"
)

// maxPush is the most instructions of a filter in the ring's program: the
// verifier looks at each of them for each way that leads there.
const maxPush = 3000

// pushInstructions assembles what stands before the rest of the ring's program:
// it goes on to "take" with what is wanted or not understood, and to "out" with
// what is left out. Without a filter it is empty.
func pushInstructions(e filter.Expr, counters int) (asm.Instructions, error) {
	tests, err := pushTests(e)
	if err != nil || tests == nil {
		return nil, err
	}
	var match asm.Instructions
	for i, t := range tests {
		next := "leave" // pushRest
		if i+1 < len(tests) {
			next = tests[i+1].label
		}
		match = append(match, ringTest(t, next)...)
	}
	if len(match) > maxPush {
		return nil, errPushLong
	}
	return slices.Concat(pushHeader(), pushTuple(origTuple), pushTuple(replyTuple), pushZone(),
		match, pushRest(), pushLeave(counters)), nil
}

// ringTest assembles a test behind which the label next stands.
func ringTest(t pushTest, next string) asm.Instructions {
	if t.yes == t.no {
		return labelled(t.label, asm.Instructions{asm.Ja.Label(t.no)})
	}
	var ins asm.Instructions
	if !t.loaded {
		ins = append(ins, ringLoad(asm.R1, t.a))
		if t.mask != ^uint32(0) {
			ins = append(ins, asm.And.Imm32(asm.R1, ringValue(t.a, t.mask)))
		}
	}
	holds, fails := asm.JEq, asm.JNE
	jump := func(op asm.JumpOp, to string) asm.Instruction { return op.Imm32(asm.R1, ringValue(t.a, t.lo), to) }
	switch {
	case t.b != nil:
		ins = append(ins, ringLoad(asm.R2, *t.b))
		holds, fails = asm.JNE, asm.JEq
		jump = func(op asm.JumpOp, to string) asm.Instruction { return op.Reg(asm.R1, asm.R2, to) }
	case t.lo != t.hi:
		ins = append(ins, asm.Mov.Reg(asm.R2, asm.R1), asm.Sub.Imm(asm.R2, int32(t.lo)))
		holds, fails = asm.JLE, asm.JGT // unsigned: below lo is far above
		jump = func(op asm.JumpOp, to string) asm.Instruction { return op.Imm(asm.R2, int32(t.hi-t.lo), to) }
	}
	if t.yes == next {
		ins = append(ins, jump(fails, t.no))
	} else if ins = append(ins, jump(holds, t.yes)); t.no != next {
		ins = append(ins, asm.Ja.Label(t.no))
	}
	return labelled(t.label, ins)
}

func ringLoad(to asm.Register, o operand) asm.Instruction {
	switch o.of {
	case ofOrig:
		return asm.LoadMem(to, asm.R10, stackOrig+o.at, asm.Word)
	case ofReply:
		return asm.LoadMem(to, asm.R10, stackReply+o.at, asm.Word)
	}
	return asm.LoadMem(to, asm.R10, number(o.at), asm.DWord)
}

// ringValue is a value as ringLoad finds it: bits of a tuple stand in network
// order.
func ringValue(o operand, v uint32) int32 {
	if o.of == ofNumbers {
		return int32(v)
	}
	return int32(binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, v)))
}

// pushLeave counts a message that is left out, in this CPU's line of the
// counters, and ends the program.
func pushLeave(counters int) asm.Instructions {
	return asm.Instructions{
		asm.FnGetSmpProcessorId.Call().WithSymbol("counted"),
		asm.And.Imm(asm.R0, counterCPUs-1),
		asm.Mul.Imm(asm.R0, counterLine),
		asm.LoadMapValue(asm.R1, counters, counterLeft),
		asm.Add.Reg(asm.R1, asm.R0),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
		asm.Ja.Label("out"),
	}
}
