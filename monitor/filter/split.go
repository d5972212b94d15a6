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
	pushable := func(e Expr) bool {
		switch e := e.(type) {
		case Cmp:
			return lowerCmp(e) != nil && (e.Field != FieldEvent || kinds)
		case In:
			return e.Field != FieldEvent || kinds
		case Const, Addr, Prefix, Differ:
			return true
		}
		return false
	}
	// What cannot be pushed becomes the constant that makes the whole want more;
	// below a not, the one that makes it want less.
	pushed = rebuilt(e, true, func(e Expr, wide bool) Expr {
		if pushable(e) {
			return e
		}
		return Const(wide)
	})
	if every(e, pushable) {
		return pushed, Const(true)
	}
	and, ok := e.(And)
	if !ok {
		return pushed, e
	}
	var left []Expr
	for _, x := range and {
		if !every(x, pushable) {
			left = append(left, x)
		}
	}
	return pushed, AllOf(left...)
}

// Steady reports whether what a filter says of a flow rests on what is known of
// the flow alone: while it does not change, neither does the result (table.CachedFilter). A flow's
// age is not steady, for it grows, and neither is the name of its network
// namespace, which is kept elsewhere and may change. The time left is: it is the
// one of the last message.
func Steady(e Expr) bool {
	return every(e, func(e Expr) bool {
		switch e := e.(type) {
		case Cmp:
			return e.Field != FieldAge
		case Text:
			return e.Field != FieldNetNS
		}
		return true // the others ask for the tuples, or for whether something is known
	})
}
