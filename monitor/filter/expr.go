package filter

import (
	"net/netip"
	"slices"
)

// Expr is a node of a filter. The nodes are
//
//	Const And Or Not                what joins
//	Cmp Addr Text Has               what Parse makes of the words
//	In Prefix Differ                what Lower spells Cmp and Addr out in
//
// Nodes are values and never changed once made; trees may share them.
type Expr interface {
	// String returns canonical text: Parse(x.String()) gives x again for every
	// tree that Parse or FromFlags made.
	String() string
}

// Const is a filter that wants everything or nothing.
type Const bool

// And wants what all its parts want. Parse never makes one with fewer than two
// parts, nor one directly inside another.
type And []Expr

// Or wants what at least one of its parts wants; as for And.
type Or []Expr

// Not wants what X does not want.
type Not struct{ X Expr }

// Op is a comparison.
type Op uint8

// The comparisons. With several values Eq means one of them, and Ne none; the
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

// Cmp compares a field that has a number with constants, after a mask if Mask is
// not 0. It is false where the field is not known. Units are those of the field:
// times in nanoseconds, a state as protocol<<8 | number.
type Cmp struct {
	Field Field
	Mask  uint64
	Op    Op
	Set   []Range // sorted, disjoint; one of a single number for Lt, Le, Gt and Ge
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

// Has asks whether the field is known at all.
type Has struct{ Field Field }

// In is a primitive: the field, after Mask, lies in one of the ranges. The field
// is in a tuple of every event, or it is FieldEvent.
type In struct {
	Field Field
	Mask  uint64 // all ones where nothing is masked
	Set   []Range
}

// Prefix is a primitive: the field, one of the tuples' four addresses, lies in
// the network. The tuple has the network's family.
type Prefix struct {
	Field Field
	Net   netip.Prefix
}

// Differ is a primitive: two fields of the tuples, of one type, are not equal.
// It is false for a flow without a reply tuple.
type Differ struct{ A, B Field }

// AllOf returns the filter that wants what all the given ones want. Without any
// it wants everything.
func AllOf(x ...Expr) Expr { return joined[And](x, true) }

// AnyOf returns the filter that wants what any of the given ones wants. Without
// any it wants nothing.
func AnyOf(x ...Expr) Expr { return joined[Or](x, false) }

// joined flattens parts of the same kind, and leaves out those that are the
// neutral constant. The other constant is the whole.
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

// Negate returns the filter that wants what x does not.
func Negate(x Expr) Expr {
	if c, ok := x.(Const); ok {
		return !c
	}
	return Not{x}
}

// rebuilt returns the tree with f of each condition. Not turns wide round.
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

// every reports whether f holds for each condition of the tree.
func every(e Expr, f func(Expr) bool) bool {
	switch e := e.(type) {
	case And:
		return !slices.ContainsFunc(e, func(x Expr) bool { return !every(x, f) })
	case Or:
		return every(And(e), f)
	case Not:
		return every(e.X, f)
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
