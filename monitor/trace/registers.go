//go:build linux

package trace

import (
	"cmp"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// octet is a byte, or negative if it is not known.
type octet int16

// known returns the bytes of b as octets.
func known(b []byte) []octet {
	all := make([]octet, len(b))
	for i, c := range b {
		all[i] = octet(c)
	}
	return all
}

// unknown returns n octets that are not known.
func unknown(n int) []octet { return slices.Repeat([]octet{-1}, n) }

// answer is whether a packet matches. The order matters: the least of several answers is the
// answer of all together.
type answer uint8

const (
	no answer = iota
	maybe
	yes
)

func (m answer) negated(really bool) answer {
	if really {
		return yes - m
	}
	return m
}

func matchIf(ok bool) answer {
	if ok {
		return yes
	}
	return no
}

// registers are the registers of nf_tables: four of 16 bytes, or sixteen of 4 bytes in the
// same place.
type registers [64]octet

func (r registers) unknown() registers {
	copy(r[:], unknown(len(r)))
	return r
}

// place returns the offset of a register in registers. The kernel numbers a register of 16
// bytes from NFT_REG_1, one of 4 bytes from NFT_REG32_00.
func place(reg uint32) int {
	if reg >= unix.NFT_REG32_00 {
		return min(int(reg-unix.NFT_REG32_00), 15) * 4
	}
	return min(max(int(reg)-unix.NFT_REG_1, 0), 3) * 16
}

// load stores a value in a register, padded with zeros to a multiple of four bytes. If write is
// true, the expression writes to the packet instead, and load does nothing.
func (r *registers) load(reg uint32, value []octet, write bool) {
	if !write {
		n := copy(r[place(reg):], value)
		clear(r[place(reg)+n : min(place(reg)+(n+3)/4*4, len(r))])
	}
}

func (r *registers) bitwise(x *expr.Bitwise) {
	value := unknown(int(min(x.Len, 16)))
	for i := range value {
		if c := r[min(place(x.SourceRegister)+i, 63)]; i < len(x.Mask) && i < len(x.Xor) {
			if c >= 0 || x.Mask[i] == 0 {
				value[i] = octet(byte(max(c, 0))&x.Mask[i] ^ x.Xor[i])
			}
		}
	}
	r.load(x.DestRegister, value, false)
}

// order compares a register with a value, byte by byte: negative, 0 or positive. sure is false
// if a byte that decides is not known.
func (r *registers) order(reg uint32, value []byte) (order int, sure bool) {
	for i, c := range value {
		switch o := r[min(place(reg)+i, 63)]; {
		case o < 0:
			return 0, false
		case o != octet(c):
			return cmp.Compare(o, octet(c)), true
		}
	}
	return 0, true
}

func (r *registers) compare(x *expr.Cmp) answer {
	order, sure := r.order(x.Register, x.Data)
	if !sure {
		return maybe
	}
	switch x.Op {
	case expr.CmpOpNeq:
		return matchIf(order != 0)
	case expr.CmpOpLt:
		return matchIf(order < 0)
	case expr.CmpOpLte:
		return matchIf(order <= 0)
	case expr.CmpOpGt:
		return matchIf(order > 0)
	case expr.CmpOpGte:
		return matchIf(order >= 0)
	}
	return matchIf(order == 0)
}

// within compares a register with a range, which includes from and to.
func (r *registers) within(reg uint32, from, to []byte) answer {
	low, sureLow := r.order(reg, from)
	high, sureHigh := r.order(reg, to)
	switch {
	case sureLow && low < 0, sureHigh && high > 0:
		return no
	case sureLow && sureHigh:
		return yes
	}
	return maybe
}

// matching returns the elements of a sorted set that a register may match. exact is true if it
// matches all of them for certain.
func matching(set []nftables.SetElement, regs *registers, reg uint32) (all []nftables.SetElement, exact bool) {
	exact = true
	intervals := slices.ContainsFunc(set, func(e nftables.SetElement) bool { return e.IntervalEnd })
	for i, e := range set {
		if e.IntervalEnd || len(e.Key) == 0 {
			continue
		}
		var m answer
		switch {
		case len(e.KeyEnd) > 0: // each part of the key has a range
			m = yes
			for at := 0; at+4 <= min(len(e.Key), len(e.KeyEnd)); at += 4 {
				part := unix.NFT_REG32_00 + uint32(place(reg)+at)/4
				m = min(m, regs.within(part, e.Key[at:at+4], e.KeyEnd[at:at+4]))
			}
		case intervals: // an element reaches up to the next one
			m = regs.compare(&expr.Cmp{Op: expr.CmpOpGte, Register: reg, Data: e.Key})
			if i+1 < len(set) {
				m = min(m, regs.compare(&expr.Cmp{Op: expr.CmpOpLt, Register: reg, Data: set[i+1].Key}))
			}
		default:
			m = regs.compare(&expr.Cmp{Register: reg, Data: e.Key})
		}
		if m != no {
			all, exact = append(all, e), exact && m == yes
		}
	}
	return all, exact
}
