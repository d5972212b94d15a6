package filter

// Split says which part of a filter may run where a message is seen first, in
// the kernel: pushed reads only what is in the tuples of every message and
// never changes in the life of a flow, so that a flow passes with all its
// messages or with none, and a table behind it misses nothing of what it keeps.
// With kinds it may ask for the kind of event as well; that is for streams
// without such a table.
//
// An event is wanted by e exactly if pushed and rest both want it. Where e is
// not of one piece, pushed is what e implies and rest is e without the
// conditions that pushed has settled:
//
//	tcp dport 443 and established     tcp dport 443      established
//	(tcp or mark 1) and udp           udp                tcp or mark 1
//	tcp and mark 1 or udp             tcp or udp         all of it
//
// Lower(pushed) consists of the primitives alone. Where a program cannot find
// both tuples in a message it must let it pass.
func Split(e Expr, kinds bool) (pushed, rest Expr) {
	pushed = implied(e, kinds)
	if isPushable(e, kinds) {
		return pushed, Const(true)
	}
	and, ok := e.(And)
	if !ok {
		return pushed, e
	}
	var left []Expr
	for _, x := range and {
		if !isPushable(x, kinds) {
			left = append(left, x)
		}
	}
	return pushed, AllOf(left...)
}

// isPushable reports whether the whole of a filter can be pushed.
func isPushable(e Expr, kinds bool) bool {
	switch e := e.(type) {
	case And:
		for _, x := range e {
			if !isPushable(x, kinds) {
				return false
			}
		}
		return true
	case Or:
		return isPushable(And(e), kinds)
	case Not:
		return isPushable(e.X, kinds)
	case Cmp:
		return lowerCmp(e) != nil && (e.Field != FieldEvent || kinds)
	case In:
		return e.Field != FieldEvent || kinds
	case Const, Addr, Prefix, Differ:
		return true
	}
	return false
}

// implied returns a filter that can be pushed and wants at least what e wants.
func implied(e Expr, kinds bool) Expr { return bound(e, kinds, true) }

// bound replaces what cannot be pushed by the constant that makes the whole want
// more (wide), or less. A not turns the direction round.
func bound(e Expr, kinds, wide bool) Expr {
	switch e := e.(type) {
	case And:
		parts := make([]Expr, len(e))
		for i, x := range e {
			parts[i] = bound(x, kinds, wide)
		}
		return AllOf(parts...)
	case Or:
		parts := make([]Expr, len(e))
		for i, x := range e {
			parts[i] = bound(x, kinds, wide)
		}
		return AnyOf(parts...)
	case Not:
		return Negate(bound(e.X, kinds, !wide))
	}
	if isPushable(e, kinds) {
		return e
	}
	return Const(wide)
}
