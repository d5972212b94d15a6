//go:build linux

package capture

import (
	"fmt"
	"slices"

	"golang.org/x/net/bpf"
)

// classicProgram is a classic BPF program that is being written, with labels for
// its jumps. All of them go forward: the machine knows no others.
type classicProgram struct {
	ins    []classicInstruction
	labels []string // of the next instruction
}

// classicInstruction is an instruction with its labels. A conditional jump says
// where to go, "" being the next instruction; so does a jump, by yes.
type classicInstruction struct {
	labels  []string
	ins     bpf.Instruction
	yes, no string
}

func (p *classicProgram) add(i classicInstruction) {
	i.labels, p.labels = p.labels, nil
	p.ins = append(p.ins, i)
}

// do appends instructions that do not jump.
func (p *classicProgram) do(ins ...bpf.Instruction) {
	for _, i := range ins {
		p.add(classicInstruction{ins: i})
	}
}

// label gives the next instruction a label, unless that is "".
func (p *classicProgram) label(label string) {
	if label != "" {
		p.labels = append(p.labels, label)
	}
}

// jump goes to a label.
func (p *classicProgram) jump(to string) {
	p.add(classicInstruction{ins: bpf.Jump{}, yes: to})
}

// ifA goes to yes if A compares so with a value, else to no.
func (p *classicProgram) ifA(cond bpf.JumpTest, value uint32, yes, no string) {
	p.add(classicInstruction{ins: bpf.JumpIf{Cond: cond, Val: value}, yes: yes, no: no})
}

// ifX goes to yes if A compares so with X, else to no.
func (p *classicProgram) ifX(cond bpf.JumpTest, yes, no string) {
	p.add(classicInstruction{ins: bpf.JumpIfX{Cond: cond}, yes: yes, no: no})
}

// maxSkip is how far a conditional jump reaches, 255 instructions, less one for
// an island of the other way.
const maxSkip = 254

// assemble writes the program from its end to its begin, so that the place of
// every label is known. Where a conditional jump does not reach its label, it goes
// to an island behind it: a jump, which reaches everywhere, and which those before
// it may use too.
//
//	jeq ──yes──▶ next ─▶ …              jeq ──yes──┐
//	 └───no───────────────── far        jmp ◀──no  │   ─ ─ ─ ─ far
//	                                    next ◀─────┘
func (p *classicProgram) assemble() ([]bpf.RawInstruction, error) {
	var out []bpf.Instruction // the last one first
	places := map[string]int{}
	place := func(label string) int {
		if label == "" {
			return len(out)
		}
		at := places[label] // 0 if it does not stand further on, behind the end
		if len(out)-at > maxSkip {
			out = append(out, bpf.Jump{Skip: uint32(len(out) - at)})
			places[label] = len(out)
		}
		return places[label]
	}
	for _, i := range slices.Backward(p.ins) {
		switch ins := i.ins.(type) {
		case bpf.Jump:
			out = append(out, bpf.Jump{Skip: uint32(len(out) - places[i.yes])})
		case bpf.JumpIf, bpf.JumpIfX:
			// The next instruction is where it is before islands come between.
			next := len(out)
			yes, no := next, next
			if i.yes != "" {
				yes = place(i.yes)
			}
			if i.no != "" {
				no = place(i.no)
			}
			out = append(out, skipping(ins, uint8(len(out)-yes), uint8(len(out)-no)))
		default:
			out = append(out, ins)
		}
		for _, label := range i.labels {
			places[label] = len(out)
		}
	}
	slices.Reverse(out)
	if len(out) > maxClassic {
		return nil, errPushLong
	}
	raw, err := bpf.Assemble(out)
	if err != nil {
		return nil, fmt.Errorf("assemble filter: %w", err)
	}
	return raw, nil
}

// skipping returns a conditional jump with what it skips.
func skipping(i bpf.Instruction, yes, no uint8) bpf.Instruction {
	switch i := i.(type) {
	case bpf.JumpIf:
		i.SkipTrue, i.SkipFalse = yes, no
		return i
	case bpf.JumpIfX:
		i.SkipTrue, i.SkipFalse = yes, no
		return i
	}
	return i
}
