//go:build linux

package capture

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// pushProgram returns the program of a filter, which ends with a jump to "take" or
// to "leave"; nil if the filter wants everything.
func pushProgram(e filter.Expr) (*program, error) {
	if e == nil {
		return nil, nil
	}
	if e = filter.Lower(e); e == filter.Const(true) {
		return nil, nil
	}
	p := &program{}
	p.message()
	p.label("filter")
	p.match(e, "take", "leave")
	return p, p.err
}

// numberOf are the fields that are numbers, and the scratch words that hold them.
var numberOf = map[filter.Field]int{
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

// address is where an address is in a message: in which tuple, and how far from its
// beginning.
type address struct {
	reply bool
	at    uint32
}

// addressOf returns where an address of a family is.
func addressOf(f filter.Field, family monitor.Family) (a address, ok bool) {
	src, dst := uint32(12), uint32(20)
	if family == monitor.IPv6 {
		dst = 32
	}
	switch f {
	case filter.FieldOrigSrc:
		return address{false, src}, true
	case filter.FieldOrigDst:
		return address{false, dst}, true
	case filter.FieldReplySrc:
		return address{true, src}, true
	case filter.FieldReplyDst:
		return address{true, dst}, true
	}
	return address{}, false
}

// load loads 32 bits of an address. It uses X.
func (p *program) load(a address, word int) {
	if a.reply {
		p.do(recallX(scratchReply), at(a.at+4*uint32(word), 4))
		return
	}
	p.do(bpf.LoadAbsolute{Off: origAt + a.at + 4*uint32(word), Size: 4})
}

// match goes to yes if e is true and to no if it is not. A lowered filter has a
// constant, which is false, only at the top, so that all of the program can be reached.
func (p *program) match(e filter.Expr, yes, no string) {
	switch e := e.(type) {
	case filter.Const:
		p.jump(no)
	case filter.Not:
		p.match(e.X, no, yes)
	case filter.And:
		each(p, len(e), true, yes, no, func(i int, yes, no string) { p.match(e[i], yes, no) })
	case filter.Or:
		each(p, len(e), false, yes, no, func(i int, yes, no string) { p.match(e[i], yes, no) })
	case filter.In:
		n, ok := numberOf[e.Field]
		p.check(ok, e)
		p.in(n, e, yes, no)
	case filter.Prefix:
		p.prefix(e, yes, no)
	case filter.Differ:
		p.differ(e, yes, no)
	default:
		p.check(false, e)
	}
}

// check sets the error of a condition that can't run in the kernel, unless ok.
func (p *program) check(ok bool, e filter.Expr) {
	if !ok && p.err == nil {
		p.err = fmt.Errorf("%v can't run in the kernel", e)
	}
}

// each writes n tests of which all must hold, or one.
func each(p *program, n int, all bool, yes, no string, test func(i int, yes, no string)) {
	for i := range n - 1 {
		next := p.newLabel()
		if all {
			test(i, next, no)
		} else {
			test(i, yes, next)
		}
		p.label(next)
	}
	test(n-1, yes, no)
}

// never is a value that no number has: they have 16 bits.
const never = 1 << 16

// in compares a number, which stays in A, with each range.
func (p *program) in(n int, e filter.In, yes, no string) {
	p.do(recall(n))
	if mask := uint32(e.Mask) | 0xffff0000; mask != ^uint32(0) {
		p.do(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask})
	}
	ranges := e.Set
	if len(ranges) == 0 {
		ranges = []filter.Range{{Lo: never, Hi: never}}
	}
	each(p, len(ranges), false, yes, no, func(i int, yes, no string) {
		lo, hi := uint32(min(ranges[i].Lo, never)), uint32(min(ranges[i].Hi, never))
		if lo == hi {
			p.ifA(bpf.JumpEqual, lo, yes, no)
			return
		}
		p.ifA(bpf.JumpGreaterOrEqual, lo, "", no)
		p.ifA(bpf.JumpGreaterThan, hi, no, yes)
	})
}

// prefix compares an address word by word, as far as the prefix reaches.
func (p *program) prefix(e filter.Prefix, yes, no string) {
	family := monitor.IPv6
	if e.Net.Addr().Is4() {
		family = monitor.IPv4
	}
	a, ok := addressOf(e.Field, family)
	p.check(ok, e)
	addr, bits := e.Net.Addr().AsSlice(), e.Net.Bits()
	each(p, 1+(bits+31)/32, true, yes, no, func(i int, yes, no string) {
		if i == 0 {
			p.do(recall(numFamily))
			p.ifA(bpf.JumpEqual, uint32(family), yes, no)
			return
		}
		word := i - 1
		mask := ^uint32(0) << (32 - min(bits-32*word, 32))
		p.load(a, word)
		if mask != ^uint32(0) {
			p.do(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask})
		}
		p.ifA(bpf.JumpEqual, binary.BigEndian.Uint32(addr[4*word:])&mask, yes, no)
	})
}

// differ compares two numbers, or two addresses of the flow's family.
func (p *program) differ(e filter.Differ, yes, no string) {
	a, isNumber := numberOf[e.A]
	b, alsoNumber := numberOf[e.B]
	p.check(isNumber == alsoNumber, e)
	if isNumber {
		p.do(recallX(b), recall(a))
		p.ifX(bpf.JumpEqual, no, yes)
		return
	}
	v4, v6 := p.newLabel(), p.newLabel()
	p.do(recall(numFamily))
	p.ifA(bpf.JumpEqual, uint32(monitor.IPv6), v6, v4)
	p.label(v4)
	p.differAddr(e, monitor.IPv4, 1, yes, no)
	p.label(v6)
	p.differAddr(e, monitor.IPv6, 4, yes, no)
}

func (p *program) differAddr(e filter.Differ, family monitor.Family, words int, yes, no string) {
	a, aok := addressOf(e.A, family)
	b, bok := addressOf(e.B, family)
	p.check(aok && bok, e)
	each(p, words, false, yes, no, func(i int, yes, no string) {
		p.load(a, i)
		p.do(keep(scratchTmp))
		p.load(b, i)
		p.do(recallX(scratchTmp))
		p.ifX(bpf.JumpEqual, no, yes)
	})
}

// newLabel returns a label that nothing has yet.
func (p *program) newLabel() string {
	p.made++
	return fmt.Sprintf("match %d", p.made)
}
