package filter

import (
	"net/netip"
	"slices"

	"natlens/monitor"
)

// Expr is a node of a filter. The nodes are
//
//	Const And Or Not                constants and operators
//	Cmp Addr Text Has Match         conditions, from Parse
//	In Prefix Differ                primitives, from Lower
//
// Nodes are values and never change; trees may share them.
type Expr interface {
	// String returns canonical text. Parse(x.String()) returns x for every tree that Parse or
	// FromFlags returned.
	String() string
}

// Const selects everything or nothing.
type Const bool

// And selects what all its parts select. Parse never returns an And with fewer than two parts,
// or with an And as a part.
type And []Expr

// Or selects what at least one of its parts selects. Parse has the same rules as for And.
type Or []Expr

// Not selects what X does not select.
type Not struct{ X Expr }

// Op is a comparison.
type Op uint8

// The comparisons. With several values, Eq means equal to one of them and Ne equal to none. The
// others have one value.
const (
	Eq Op = iota
	Ne
	Lt
	Le
	Gt
	Ge
)

func (o Op) String() string { return [...]string{"==", "!=", "<", "<=", ">", ">="}[o] }

// Cmp compares a numeric field with constants, after Mask if it is not 0. It is false if the
// field is unknown. The unit is that of the field: nanoseconds for times, protocol<<8 | number
// for states.
type Cmp struct {
	Field Field
	Mask  uint64
	Op    Op
	Set   []Range // sorted and disjoint; a single number for Lt, Le, Gt and Ge
}

// Addr compares an address field with networks. A prefix contains
// addresses of its own family only: 0.0.0.0/0 contains no IPv6 address.
type Addr struct {
	Field Field
	Op    Op // Eq or Ne
	Set   []netip.Prefix
}

// Text compares a text attribute, byte by byte.
type Text struct {
	Field Field
	Op    Op // Eq or Ne
	Set   []string
}

// Has reports whether the field is known.
type Has struct{ Field Field }

// In is a primitive: the field, after Mask, is in one of the ranges. The field is in a tuple of
// every event, or is FieldEvent.
type In struct {
	Field Field
	Mask  uint64 // all ones: no mask
	Set   []Range
}

// Prefix is a primitive: the field, one of the four addresses of the tuples, is in the network
// and has its family.
type Prefix struct {
	Field Field
	Net   netip.Prefix
}

// Differ is a primitive: two fields of the tuples, of the same type, are not equal. It is false
// for a flow without a reply tuple.
type Differ struct{ A, B Field }

// AllOf joins filters by and. Without filters it selects everything.
func AllOf(x ...Expr) Expr { return joined[And](x, true) }

// AnyOf joins filters by or. Without filters it selects nothing.
func AnyOf(x ...Expr) Expr { return joined[Or](x, false) }

// joined flattens parts of the same kind and drops neutral constants. If a part is the other
// constant, it returns that.
func joined[T interface {
	And | Or
	Expr
}](x []Expr, neutral Const) Expr {
	var out T
	for _, e := range x {
		if c, ok := e.(Const); ok {
			if c != neutral {
				return c
			}
		} else if inner, ok := e.(T); ok {
			out = append(out, inner...)
		} else {
			out = append(out, e)
		}
	}
	switch len(out) {
	case 0:
		return neutral
	case 1:
		return out[0]
	}
	return out
}

// Negate returns the filter that selects what x does not.
func Negate(x Expr) Expr {
	if c, ok := x.(Const); ok {
		return !c
	}
	return Not{x}
}

// rebuilt returns the tree with each condition replaced by f of it. wide is inverted below each
// Not.
func rebuilt(e Expr, wide bool, f func(e Expr, wide bool) Expr) Expr {
	switch e := e.(type) {
	case And:
		return AllOf(mapped(e, func(x Expr) Expr { return rebuilt(x, wide, f) })...)
	case Or:
		return AnyOf(mapped(e, func(x Expr) Expr { return rebuilt(x, wide, f) })...)
	case Not:
		return Negate(rebuilt(e.X, !wide, f))
	}
	return f(e, wide)
}

// Every reports whether f is true for each condition of the tree.
func Every(e Expr, f func(Expr) bool) bool {
	switch e := e.(type) {
	case And:
		return !slices.ContainsFunc(e, func(x Expr) bool { return !Every(x, f) })
	case Or:
		return Every(And(e), f)
	case Not:
		return Every(e.X, f)
	}
	return f(e)
}

// Range is the numbers from Lo to Hi, both included.
type Range struct{ Lo, Hi uint64 }

func mapped[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, x := range in {
		out[i] = f(x)
	}
	return out
}

// Field is an attribute of a flow or an event that a filter can compare.
type Field uint8

// Sent, added to a field, selects the attribute in this message only. Without it, the field is
// what is known of the flow. In text it is the prefix "msg.".
const Sent Field = 0x80

// The fields. Those of the first group are in both tuples, which every event of the kernel
// contains and which never change.
const (
	FieldNone Field = iota

	FieldFamily
	FieldProto
	FieldOrigSrc // addresses
	FieldOrigDst
	FieldReplySrc
	FieldReplyDst
	FieldOrigL4Src // SrcPort and DstPort of monitor.Tuple: port, ICMP id or type<<8 | code, GRE key
	FieldOrigL4Dst
	FieldReplyL4Src
	FieldReplyL4Dst
	FieldOrigZone
	FieldReplyZone

	// Derived from the first group by Lower.
	FieldHost // any of the four addresses
	FieldPort // either port of the original tuple
	FieldOrigSPort
	FieldOrigDPort
	FieldReplySPort
	FieldReplyDPort
	FieldICMPType // of the original tuple; ICMPv6 too
	FieldICMPCode
	FieldICMPID
	FieldReplyICMPID
	FieldOrigSrcKey // GRE
	FieldOrigDstKey
	FieldReplySrcKey
	FieldReplyDstKey
	FieldZone // the zone of both directions
	FieldNAT  // a set of the NAT bits
	FieldNATSrc
	FieldNATDst
	FieldNATSPort
	FieldNATDPort

	// Of the event.
	FieldEvent
	FieldInferred
	FieldGen

	// Attributes that can be absent, or change during a flow's life.
	FieldMark
	FieldState
	FieldStatus
	FieldAge
	FieldHelper
	FieldLabel
	FieldSecCtx
	FieldMaster
	FieldPath
	FieldNetNS
	FieldGateway

	// The process or container of the flow, which is looked up.
	FieldProcess
	FieldUser
	FieldContainer
	FieldPod

	// The places of the flow's addresses, which are looked up: either end, source, destination.
	FieldCountry
	FieldCountrySrc
	FieldCountryDst
	FieldCity
	FieldCitySrc
	FieldCityDst
	FieldAS
	FieldASSrc
	FieldASDst

	// The others are known to the table of fields only.
)

// The bits of FieldNAT.
const (
	natSource   = uint64(monitor.NATSource)
	natDest     = uint64(monitor.NATDestination)
	natKinds    = natSource | natDest
	natPortOnly = uint64(1) << (iota - 1)
	natRedirect
	natNoBits
	natStrayBits
	natSrcAddr
	natSrcPort
	natDstAddr
	natDstPort
)

// ends returns the fields of both ends for a field of either end, the sender first, and other
// fields as they are.
func (f Field) ends() []Field {
	switch f {
	case FieldHost:
		return []Field{FieldOrigSrc, FieldReplySrc}
	case FieldCountry, FieldCity, FieldAS:
		return []Field{f + 1, f + 2}
	}
	return []Field{f}
}
