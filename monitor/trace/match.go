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

// match returns a filter as expressions of nf_tables that compare a packet before NAT: a list
// of alternatives, each a list of expressions that must all match. A nil filter matches every
// packet. It returns an error if the filter compares something that a packet does not have, or
// needs more than maxRules alternatives.
func match(e filter.Expr) ([][]expr.Any, error) {
	if e == nil {
		return [][]expr.Any{nil}, nil
	}
	if leaf := unsupported(e); leaf != nil {
		return nil, fmt.Errorf("a packet does not have %s: a trace can ask for family, protocol, addresses, ports, "+
			"and ICMP's type, code and id, as they are before NAT", leaf)
	}
	return build(e, false)
}

// unsupported returns the first part of a filter that compares something that a packet does
// not have, or nil.
func unsupported(e filter.Expr) filter.Expr {
	var parts []filter.Expr
	switch x := e.(type) {
	case filter.And:
		parts = x
	case filter.Or:
		parts = x
	case filter.Not:
		parts = []filter.Expr{x.X}
	default:
		if _, err := build(e, false); errors.Is(err, errUnknown) {
			return e
		}
	}
	for _, part := range parts {
		if leaf := unsupported(part); leaf != nil {
			return leaf
		}
	}
	return nil
}

// errUnknown means that a filter compares something that a packet does not have.
var errUnknown = errors.New("a packet does not have it")

// build returns the alternatives of match. If flow is true, they compare the original tuple of
// the packet's flow instead of the packet, and so match both directions and related ICMP errors.
// The error is errUnknown or errMany.
func build(e filter.Expr, flow bool) (rules [][]expr.Any, err error) {
	all, err := alternatives(filter.Lower(e), false)
	if err != nil {
		return nil, err
	}
	for _, tests := range all {
		// The reply tuple is unknown before NAT. Omit alternatives that require it, and drop
		// negated conditions on it.
		if slices.ContainsFunc(tests, func(t test) bool { return !t.not && afterNAT(t.e) }) {
			err = errUnknown
			continue
		}
		tests = slices.DeleteFunc(tests, func(t test) bool { return afterNAT(t.e) })
		var rule []expr.Any
		ports := offsetsOf(tests)
		for _, t := range tests {
			x, err := t.exprs(ports, flow)
			if err != nil {
				return nil, err
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

// afterNAT reports whether a primitive compares the reply tuple.
func afterNAT(e filter.Expr) bool {
	var f filter.Field
	switch e := e.(type) {
	case filter.Prefix:
		f = e.Field
	case filter.In:
		f = e.Field
	}
	switch f {
	case filter.FieldReplySrc, filter.FieldReplyDst, filter.FieldReplyL4Src, filter.FieldReplyL4Dst:
		return true
	}
	return false
}

// test is one primitive of a filter, or its negation if not is true. Unless negated, an In has
// one range.
type test struct {
	e   filter.Expr
	not bool
}

// alternatives returns a filter, or its negation if not is true, as alternatives (or) of
// conditions (and). Without alternatives it matches nothing; an alternative without conditions
// matches everything. It returns errMany if there are more than maxRules.
func alternatives(e filter.Expr, not bool) (all [][]test, err error) {
	var parts []filter.Expr
	and := false
	switch x := e.(type) {
	case filter.Not:
		return alternatives(x.X, !not)
	case filter.Const:
		if bool(x) != not {
			return [][]test{nil}, nil
		}
		return nil, nil
	case filter.And:
		if not {
			return someNot(x)
		}
		parts, and = x, true
	case filter.Or:
		parts, and = x, not
	case filter.In:
		if !not {
			for _, r := range x.Set {
				all = append(all, []test{{filter.In{Field: x.Field, Mask: x.Mask, Set: []filter.Range{r}}, false}})
			}
			return all, nil
		}
		return [][]test{{{e, not}}}, nil
	case filter.Prefix:
		if not {
			other := uint64(monitor.IPv6)
			if x.Net.Addr().Is6() {
				other = uint64(monitor.IPv4)
			}
			set := []filter.Range{{Lo: other, Hi: other}}
			family := filter.In{Field: filter.FieldFamily, Mask: ^uint64(0), Set: set}
			return [][]test{{{family, false}}, {{e, true}}}, nil
		}
		return [][]test{{{e, false}}}, nil
	default:
		return [][]test{{{e, not}}}, nil
	}
	if and {
		all = [][]test{nil}
	}
	for _, part := range parts {
		more, err := alternatives(part, not)
		if err != nil {
			return nil, err
		}
		if and {
			all = product(all, more)
		} else {
			all = append(all, more...)
		}
		if len(all) > maxRules {
			return nil, errMany
		}
	}
	return all, nil
}

var errMany = fmt.Errorf("the filter would need more than %d rules", maxRules)

// someNot returns the alternatives of a negated And: the first part does not match, or the
// first matches and the second does not, and so on. Parts that match are kept, because one of
// them may be the protocol, which is needed to find a port.
func someNot(parts filter.And) (all [][]test, err error) {
	for i := range parts {
		before, err := alternatives(filter.AllOf(parts[:i]...), false)
		if err != nil {
			return nil, err
		}
		opposite, err := alternatives(parts[i], true)
		if err != nil {
			return nil, err
		}
		if all = append(all, product(before, opposite)...); len(all) > maxRules {
			return nil, errMany
		}
	}
	return all, nil
}

// product combines each alternative of a with each of b. It stops after maxRules+1 results,
// so that callers can return errMany.
func product(a, b [][]test) (all [][]test) {
	for _, x := range a {
		for _, y := range b {
			if all = append(all, slices.Concat(x, y)); len(all) > maxRules {
				return all
			}
		}
	}
	return all
}

// offsets are where the transport header has the two 16-bit words that conntrack uses as ports,
// in bytes. known is false if the protocol is not known or has none.
type offsets struct {
	src, dst uint32
	known    bool
}

// offsetsOf returns the offsets for the one protocol that the tests require.
func offsetsOf(tests []test) (o offsets) {
	for _, t := range tests {
		in, ok := t.e.(filter.In)
		if !ok || t.not || in.Field != filter.FieldProto || in.Set[0].Lo != in.Set[0].Hi {
			continue
		}
		switch p := monitor.Proto(in.Set[0].Lo); {
		case p.HasPorts():
			return offsets{0, 2, true}
		case p.IsICMP():
			return offsets{4, 0, true} // id; type and code
		}
	}
	return o
}

// exprs returns the expressions that load a value and compare it. The error is errUnknown. If
// flow is true, they load it from the flow's original tuple.
func (t test) exprs(ports offsets, flow bool) ([]expr.Any, error) {
	switch x := t.e.(type) {
	case filter.In:
		return t.in(x, ports, flow)
	case filter.Prefix:
		return t.prefix(x, flow)
	}
	return nil, errUnknown
}

func (t test) in(x filter.In, ports offsets, flow bool) ([]expr.Any, error) {
	var load expr.Any
	size := 1
	switch x.Field {
	case filter.FieldFamily:
		load = &expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}
	case filter.FieldProto:
		load = &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}
		if flow {
			load = &expr.Ct{Key: expr.CtKeyPROTOCOL, Register: 1}
		}
	case filter.FieldOrigL4Src, filter.FieldOrigL4Dst:
		if ports.known {
			offset, key := ports.src, expr.CtKeyPROTOSRC
			if x.Field == filter.FieldOrigL4Dst {
				offset, key = ports.dst, expr.CtKeyPROTODST
			}
			size = 2
			load = payload(expr.PayloadBaseTransportHeader, offset, 2)
			if flow {
				load = &expr.Ct{Key: key, Register: 1}
			}
		}
	}
	if load == nil {
		return nil, errUnknown
	}
	all := uint64(1)<<(8*size) - 1
	word := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n)[8-size:] }
	out := []expr.Any{load}
	if x.Mask&all != all {
		out = append(out, masked(word(x.Mask&all)))
	}
	op := expr.CmpOpEq
	if t.not {
		op = expr.CmpOpNeq
	}
	for _, r := range x.Set {
		if r.Lo == r.Hi {
			out = append(out, &expr.Cmp{Op: op, Register: 1, Data: word(r.Lo)})
		} else {
			out = append(out, &expr.Range{Op: op, Register: 1, FromData: word(r.Lo), ToData: word(min(r.Hi, all))})
		}
	}
	return out, nil
}

// prefix returns the expressions that require the family of a prefix and compare an address
// with it. Only the comparison of the address is negated.
func (t test) prefix(x filter.Prefix, flow bool) ([]expr.Any, error) {
	var load expr.Any
	family, size := byte(unix.NFPROTO_IPV4), uint32(4)
	if x.Net.Addr().Is6() {
		family, size = unix.NFPROTO_IPV6, 16
	}
	switch x.Field {
	case filter.FieldOrigSrc:
		load = payload(expr.PayloadBaseNetworkHeader, map[uint32]uint32{4: 12, 16: 8}[size], size)
		if flow {
			load = &expr.Ct{Key: expr.CtKeySRC, Register: 1}
		}
	case filter.FieldOrigDst:
		load = payload(expr.PayloadBaseNetworkHeader, map[uint32]uint32{4: 16, 16: 24}[size], size)
		if flow {
			load = &expr.Ct{Key: expr.CtKeyDST, Register: 1}
		}
	default:
		return nil, errUnknown
	}
	op := expr.CmpOpEq
	if t.not {
		op = expr.CmpOpNeq
	}
	mask := make([]byte, size)
	for i := range x.Net.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		load,
		masked(mask),
		&expr.Cmp{Op: op, Register: 1, Data: x.Net.Masked().Addr().AsSlice()},
	}, nil
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
