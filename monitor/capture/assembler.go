//go:build linux

package capture

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
)

// Registers with a fixed meaning. R1 to R5 are arguments and temporary values, R0 results.
const (
	regSkb    = asm.R6 // struct __sk_buff *
	regRecord = asm.R7 // the reserved record
	regLen    = asm.R8 // skb->len: bytes of the datagram
	regStamp  = asm.R9
)

// program is an eBPF program under construction.
type program struct {
	ins   asm.Instructions
	next  string // label of the next instruction
	fresh int    // labels made by newLabel
	err   error  // the first condition that a program cannot check
}

func (p *program) do(ins ...asm.Instruction) {
	if p.next != "" {
		ins[0], p.next = ins[0].WithSymbol(p.next), ""
	}
	p.ins = append(p.ins, ins...)
}

func (p *program) label(label string) { p.next = label }

func (p *program) jump(to string) { p.do(asm.Ja.Label(to)) }

func (p *program) unless(v int32, to string) { p.do(asm.JNE.Imm32(regA, v, to)) }

func (p *program) newLabel() string {
	p.fresh++
	return fmt.Sprintf("match %d", p.fresh)
}

// regA holds the value that is compared.
const regA = asm.R7
