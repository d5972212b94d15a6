package filter

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
