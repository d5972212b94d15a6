package filter

// Split returns the part of a filter that can run in the kernel, and the rest. pushed reads
// only fields of both tuples that never change. So it selects all messages of a flow or none,
// and a table after it gets every event of its flows. If kinds is true, pushed may also compare
// the kind of event; that is only for streams without a table.
//
// e selects an event exactly if pushed and rest both select it. If e cannot be split at an and,
// pushed is implied by e, and rest is e without the conditions that pushed has decided:
//
//	tcp dport 443 and established     tcp dport 443      established
//	(tcp or mark 1) and udp           udp                tcp or mark 1
//	tcp and mark 1 or udp             tcp or udp         all of it
//
// Lower(pushed) consists of primitives only. A program that cannot find both tuples in a
// message must let it pass.
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
	// A condition that cannot be pushed becomes the constant that makes the whole select more;
	// below a not, the one that makes it select less.
	pushed = rebuilt(e, true, func(e Expr, wide bool) Expr {
		if pushable(e) {
			return e
		}
		return Const(wide)
	})
	if Every(e, pushable) {
		return pushed, Const(true)
	}
	and, ok := e.(And)
	if !ok {
		return pushed, e
	}
	var left []Expr
	for _, x := range and {
		if !Every(x, pushable) {
			left = append(left, x)
		}
	}
	return pushed, AllOf(left...)
}

// Steady reports whether the result of a filter depends only on what is known of the flow, and
// so stays the same until that changes (table.CachedFilter). The age of a flow is not steady,
// because it grows, nor is the name of its network namespace, which can change. The timeout is
// steady: it is that of the last message.
func Steady(e Expr) bool {
	return Every(e, func(e Expr) bool {
		switch e := e.(type) {
		case Cmp:
			return e.Field != FieldAge
		case Text:
			return e.Field != FieldNetNS && e.Field.info().kind != kindName
		}
		return true // the others compare the tuples, or whether something is known
	})
}
