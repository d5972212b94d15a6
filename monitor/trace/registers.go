//go:build linux

package trace

import (
	"cmp"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// octet is a byte, plus assumed if it is only likely, or negative if it is not known.
type octet int16

const assumed octet = 0x100

// known returns the bytes of b as octets.
func known(b []byte) []octet {
	all := make([]octet, len(b))
	for i, c := range b {
		all[i] = octet(c)
	}
	return all
}

// assume returns the bytes of b as octets that are only likely.
func assume(b ...byte) []octet {
	all := known(b)
	for i := range all {
		all[i] |= assumed
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
	unlikely
	maybe
	likely
	yes
)

func (m answer) negated(really bool) answer {
	if really {
		return yes - m
	}
	return m
}

// matchIf returns whether a packet matches, if ok is as certain as trust: maybe, likely or yes.
func matchIf(ok bool, trust answer) answer { return trust.negated(!ok) }

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

// load stores a value in a register, padded with zeros to a multiple of four bytes.
func (r *registers) load(reg uint32, value []octet) {
	n := copy(r[place(reg):], value)
	clear(r[place(reg)+n : min(place(reg)+(n+3)/4*4, len(r))])
}

// value returns the first n bytes of a register.
func (r *registers) value(reg uint32, n int) []octet {
	return slices.Clone(r[place(reg):min(place(reg)+n, len(r))])
}

// bytes is value as bytes, or nil if one of them is not known.
func (r *registers) bytes(reg uint32, n int) (b []byte) {
	for _, o := range r.value(reg, n) {
		if o < 0 {
			return nil
		}
		b = append(b, byte(o))
	}
	return b
}

func (r *registers) bitwise(x *expr.Bitwise) {
	value := unknown(int(min(x.Len, 16)))
	for i := range value {
		if c := r[min(place(x.SourceRegister)+i, 63)]; i < len(x.Mask) && i < len(x.Xor) {
			if x.Mask[i] == 0 {
				value[i] = octet(x.Xor[i])
			} else if c >= 0 {
				value[i] = octet(byte(c)&x.Mask[i]^x.Xor[i]) | c&assumed
			}
		}
	}
	r.load(x.DestRegister, value)
}

// equal returns whether a register has a value.
func (r *registers) equal(reg uint32, value []byte) answer {
	m := yes
	for i, c := range value {
		switch o := r[min(place(reg)+i, 63)]; {
		case o < 0:
			m = min(m, maybe)
		case o&assumed != 0:
			m = min(m, matchIf(byte(o) == c, likely))
		case byte(o) != c:
			return no
		}
	}
	return m
}

// order compares a register with a value, byte by byte: negative, 0 or positive. trust is how
// certain that is: maybe if a byte that decides is not known.
func (r *registers) order(reg uint32, value []byte) (order int, trust answer) {
	trust = yes
	for i, c := range value {
		o := r[min(place(reg)+i, 63)]
		if o < 0 {
			return 0, maybe
		}
		if o&assumed != 0 {
			trust = likely
		}
		if byte(o) != c {
			return cmp.Compare(byte(o), c), trust
		}
	}
	return 0, trust
}

func (r *registers) compare(x *expr.Cmp) answer {
	order, trust := r.order(x.Register, x.Data)
	ok, ordered := map[expr.CmpOp]bool{
		expr.CmpOpLt: order < 0, expr.CmpOpLte: order <= 0, expr.CmpOpGt: order > 0, expr.CmpOpGte: order >= 0,
	}[x.Op]
	if ordered {
		return matchIf(ok, trust)
	}
	return r.equal(x.Register, x.Data).negated(x.Op == expr.CmpOpNeq)
}

// within compares a register with a range, which includes from and to.
func (r *registers) within(reg uint32, from, to []byte) answer {
	low, trustLow := r.order(reg, from)
	high, trustHigh := r.order(reg, to)
	return min(matchIf(low >= 0, trustLow), matchIf(high <= 0, trustHigh))
}

// element is an element of a set that a register may match.
type element struct {
	nftables.SetElement
	matches answer // unlikely to yes
}

// matching returns the elements of a sorted set that a register may match.
func matching(set []nftables.SetElement, regs *registers, reg uint32) (all []element) {
	intervals := slices.ContainsFunc(set, func(e nftables.SetElement) bool { return e.IntervalEnd })
	for i, e := range set {
		var m answer
		switch {
		case e.IntervalEnd:
		case len(e.Key) == 0: // what matches no other element
			m = maybe
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
			m = regs.equal(reg, e.Key)
		}
		if m != no {
			all = append(all, element{e, m})
		}
	}
	return all
}
