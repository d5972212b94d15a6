//go:build linux

package capture

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/net/bpf"
)

// program is a classic BPF program that is being written, with labels for its
// jumps, which all go forward. The machine has two registers, A and X, 16 words of
// scratch, and loads of the message, which are big endian.
type program struct {
	ins    []labelled
	labels []string // of the next instruction
	made   int      // labels that newLabel has made
	err    error    // what the filter asks for that a program can't do
}

// labelled is an instruction with its labels. A conditional jump goes to yes or no,
// "" being the next instruction; an unconditional one goes to yes.
type labelled struct {
	labels  []string
	ins     bpf.Instruction
	yes, no string
}

func (p *program) add(i labelled) {
	i.labels, p.labels = p.labels, nil
	p.ins = append(p.ins, i)
}

// do appends instructions that do not jump.
func (p *program) do(ins ...bpf.Instruction) {
	for _, i := range ins {
		p.add(labelled{ins: i})
	}
}

// label gives the next instruction a label.
func (p *program) label(label string) { p.labels = append(p.labels, label) }

// jump goes to a label.
func (p *program) jump(to string) { p.add(labelled{ins: bpf.Jump{}, yes: to}) }

// ifA goes to yes if A compares so with a value, else to no.
func (p *program) ifA(cond bpf.JumpTest, value uint32, yes, no string) {
	p.add(labelled{ins: bpf.JumpIf{Cond: cond, Val: value}, yes: yes, no: no})
}

// ifX goes to yes if A compares so with X, else to no.
func (p *program) ifX(cond bpf.JumpTest, yes, no string) {
	p.add(labelled{ins: bpf.JumpIfX{Cond: cond}, yes: yes, no: no})
}

// maxClassic is how long the kernel lets programs be (BPF_MAXINSNS).
const maxClassic = 4096

var errPushLong = errors.New("the filter is too long for the kernel")

// maxSkip is how far a conditional jump reaches, 255 instructions, less one for
// an island of the other way.
const maxSkip = 254

// assemble writes the program from its end to its beginning, so that the place of
// every label is known. Where a conditional jump does not reach its label, it goes
// to an island behind it: a jump, which reaches everywhere, and which earlier jumps
// may use too.
//
//	jeq ──yes──▶ next ─▶ …              jeq ──yes──┐
//	 └───no───────────────── far        jmp ◀──no  │   ─ ─ ─ ─ far
//	                                    next ◀─────┘
func (p *program) assemble() ([]bpf.RawInstruction, error) {
	var out []bpf.Instruction // the last one first
	places := map[string]int{}
	place := func(label string, next int) int {
		if label == "" {
			return next
		}
		if len(out)-places[label] > maxSkip {
			out = append(out, bpf.Jump{Skip: uint32(len(out) - places[label])})
			places[label] = len(out)
		}
		return places[label]
	}
	for _, i := range slices.Backward(p.ins) {
		next := len(out) // before islands come between
		switch ins := i.ins.(type) {
		case bpf.Jump:
			out = append(out, bpf.Jump{Skip: uint32(len(out) - places[i.yes])})
		case bpf.JumpIf:
			yes, no := place(i.yes, next), place(i.no, next)
			ins.SkipTrue, ins.SkipFalse = uint8(len(out)-yes), uint8(len(out)-no)
			out = append(out, ins)
		case bpf.JumpIfX:
			yes, no := place(i.yes, next), place(i.no, next)
			ins.SkipTrue, ins.SkipFalse = uint8(len(out)-yes), uint8(len(out)-no)
			out = append(out, ins)
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
