//go:build linux

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/filter"
)

// maxRules is the maximum number of rules for a filter.
const maxRules = 256

var (
	errMany = fmt.Errorf("the filter would need more than %d rules", maxRules)
	// errUnknown means that a filter compares something that a packet does not have.
	errUnknown = errors.New("a packet does not have it")
)

// match returns a filter as expressions of nf_tables that compare a packet before NAT: a list
// of alternatives, each a list of expressions that must all match. A nil filter matches every
// packet. It returns an error if the filter compares something that a packet does not have, or
// needs more than maxRules alternatives.
func match(e filter.Expr) (rules [][]expr.Any, err error) {
	if e == nil {
		return [][]expr.Any{nil}, nil
	}
	filter.Every(e, func(leaf filter.Expr) bool {
		if _, wrong := build(leaf, false); errors.Is(wrong, errUnknown) {
			err = fmt.Errorf("a packet does not have %s: a trace can ask for family, protocol, addresses, ports, "+
				"and ICMP's type, code and id, as they are before NAT", leaf)
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return build(e, false)
}

// build returns the alternatives of match. If flow is true, they compare the original tuple of
// the packet's flow instead of the packet, and so match both directions and related ICMP errors.
// The error is errUnknown or errMany.
func build(e filter.Expr, flow bool) (rules [][]expr.Any, err error) {
	all := alternatives(filter.Lower(e), false)
	if len(all) > maxRules {
		return nil, errMany
	}
	for _, tests := range all {
		// The reply tuple is unknown before NAT. Omit alternatives that require it, and drop
		// negated conditions on it.
		if slices.ContainsFunc(tests, func(t test) bool { return !t.not && t.afterNAT() }) {
			err = errUnknown
			continue
		}
		tests = slices.DeleteFunc(tests, test.afterNAT)
		var rule []expr.Any
		for _, t := range tests {
			x := t.exprs(portsOf(tests), flow)
			if x == nil {
				return nil, errUnknown
			}
			rule = append(rule, x...)
		}
		rules = append(rules, rule)
	}
	if len(rules) == 0 {
		return nil, err
	}
	return rules, nil
}

// test is one primitive of a filter, or its negation if not is true. Unless negated, an In has
// one range.
type test struct {
	e   filter.Expr
	not bool
}

// field returns the field that the test compares, and FieldNone for another condition.
func (t test) field() filter.Field {
	switch e := t.e.(type) {
	case filter.Prefix:
		return e.Field
	case filter.In:
		return e.Field
	}
	return filter.FieldNone
}

// afterNAT reports whether the test compares the reply tuple.
func (t test) afterNAT() bool {
	return slices.Contains([]filter.Field{
		filter.FieldReplySrc, filter.FieldReplyDst, filter.FieldReplyL4Src, filter.FieldReplyL4Dst}, t.field())
}

// alternatives returns a filter, or its negation if not is true, as alternatives (or) of tests
// (and). Without alternatives it matches nothing; an alternative without tests matches everything.
// If there are more than maxRules, it returns only the first maxRules+1.
func alternatives(e filter.Expr, not bool) (all [][]test) {
	switch x := e.(type) {
	case filter.Not:
		return alternatives(x.X, !not)
	case filter.Const:
		if bool(x) != not {
			return [][]test{nil}
		}
		return nil
	case filter.And:
		if not {
			// The first part does not match, or the first matches and the second does not, and so on. The parts that
			// match are kept because one of them may be the protocol, which is needed to find a port.
			return anyOf(x, func(i int) [][]test { return product(allOf(x[:i], false), alternatives(x[i], true)) })
		}
		return allOf(x, false)
	case filter.Or:
		if not {
			return allOf(x, true)
		}
		return anyOf(x, func(i int) [][]test { return alternatives(x[i], false) })
	case filter.In:
		if !not {
			return anyOf(x.Set, func(i int) [][]test {
				return [][]test{{{filter.In{Field: x.Field, Mask: x.Mask, Set: x.Set[i : i+1]}, false}}}
			})
		}
	case filter.Prefix:
		if not {
			other := uint64(monitor.IPv6)
			if x.Net.Addr().Is6() {
				other = uint64(monitor.IPv4)
			}
			set := []filter.Range{{Lo: other, Hi: other}}
			family := filter.In{Field: filter.FieldFamily, Mask: ^uint64(0), Set: set}
			return [][]test{{{family, false}}, {{e, true}}}
		}
	}
	return [][]test{{{e, not}}}
}

// allOf returns the alternatives in which all parts match, or none if not is true.
func allOf(parts []filter.Expr, not bool) [][]test {
	all := [][]test{nil}
	for _, part := range parts {
		all = product(all, alternatives(part, not))
	}
	return all
}

// anyOf returns the alternatives of each of the parts.
func anyOf[T any](parts []T, of func(i int) [][]test) (all [][]test) {
	for i := range parts {
		all = append(all, of(i)...)
		all = all[:min(len(all), maxRules+1)]
	}
	return all
}

// product combines each alternative of a with each of b.
func product(a, b [][]test) (all [][]test) {
	for _, x := range a {
		for _, y := range b {
			if len(all) <= maxRules {
				all = append(all, slices.Concat(x, y))
			}
		}
	}
	return all
}

// ports are where the transport header has the two 16-bit words that conntrack uses as ports, in
// bytes. It is nil if the protocol is not known or has none.
type ports map[filter.Field]uint32

// portsOf returns the ports of the one protocol that the tests require.
func portsOf(tests []test) ports {
	for _, t := range tests {
		in, ok := t.e.(filter.In)
		if !ok || t.not || in.Field != filter.FieldProto || in.Set[0].Lo != in.Set[0].Hi {
			continue
		}
		switch p := monitor.Proto(in.Set[0].Lo); {
		case p.HasPorts():
			return ports{filter.FieldOrigL4Src: 0, filter.FieldOrigL4Dst: 2}
		case p.IsICMP():
			return ports{filter.FieldOrigL4Src: 4, filter.FieldOrigL4Dst: 0} // id; type and code
		}
	}
	return nil
}

// exprs returns the expressions that load a value and compare it, or nil if a packet does not have
// it. If flow is true, they load it from the flow's original tuple. A Prefix requires its family
// also if it is negated.
func (t test) exprs(at ports, flow bool) (out []expr.Any) {
	op := expr.CmpOpEq
	if t.not {
		op = expr.CmpOpNeq
	}
	load, size := t.load(at, flow)
	if load == nil {
		return nil
	}
	switch x := t.e.(type) {
	case filter.In:
		all := uint64(1)<<(8*size) - 1
		word := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n)[8-size:] }
		if out = append(out, load); x.Mask&all != all {
			out = append(out, masked(word(x.Mask&all)))
		}
		for _, r := range x.Set {
			if r.Lo == r.Hi {
				out = append(out, &expr.Cmp{Op: op, Register: 1, Data: word(r.Lo)})
			} else {
				hi := word(min(r.Hi, all))
				out = append(out, &expr.Range{Op: op, Register: 1, FromData: word(r.Lo), ToData: hi})
			}
		}
	case filter.Prefix:
		family, mask := byte(unix.NFPROTO_IPV4), make([]byte, size)
		if size == 16 {
			family = unix.NFPROTO_IPV6
		}
		for i := range x.Net.Bits() {
			mask[i/8] |= 0x80 >> (i % 8)
		}
		out = append(out, &expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}}, load, masked(mask),
			&expr.Cmp{Op: op, Register: 1, Data: x.Net.Masked().Addr().AsSlice()})
	}
	return out
}

// load returns the expression that loads the value of a test into register 1, and its size in
// bytes. It is nil if a packet does not have the value.
func (t test) load(at ports, flow bool) (x expr.Any, size uint32) {
	f := t.field()
	key := map[filter.Field]expr.CtKey{
		filter.FieldProto: expr.CtKeyPROTOCOL, filter.FieldOrigSrc: expr.CtKeySRC, filter.FieldOrigDst: expr.CtKeyDST,
		filter.FieldOrigL4Src: expr.CtKeyPROTOSRC, filter.FieldOrigL4Dst: expr.CtKeyPROTODST,
	}[f]
	switch f {
	case filter.FieldFamily:
		return &expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, 1
	case filter.FieldProto:
		x, size = &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, 1
	case filter.FieldOrigL4Src, filter.FieldOrigL4Dst:
		if at == nil {
			return nil, 0
		}
		x, size = payload(expr.PayloadBaseTransportHeader, at[f], 2), 2
	case filter.FieldOrigSrc, filter.FieldOrigDst:
		offset := uint32(12)
		if size = 4; t.e.(filter.Prefix).Net.Addr().Is6() {
			offset, size = 8, 16
		}
		if f == filter.FieldOrigDst {
			offset += size
		}
		x = payload(expr.PayloadBaseNetworkHeader, offset, size)
	}
	if x != nil && flow {
		x = &expr.Ct{Key: key, Register: 1}
	}
	return x, size
}

func payload(base expr.PayloadBase, offset, size uint32) expr.Any {
	return &expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: size}
}

// masked returns the expression that applies a mask to register 1.
func masked(mask []byte) expr.Any {
	return &expr.Bitwise{
		SourceRegister: 1, DestRegister: 1, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask)),
	}
}
