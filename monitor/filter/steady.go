package filter

// Steady reports whether what a filter says of a flow rests on what is known of
// the flow alone: while it does not change, neither does the result (table.CachedFilter). A flow's
// age is not steady, for it grows, and neither is the name of its network
// namespace, which is kept elsewhere and may change. The time left is: it is the
// one of the last message.
func Steady(e Expr) bool {
	switch e := e.(type) {
	case And:
		return allSteady(e)
	case Or:
		return allSteady(e)
	case Not:
		return Steady(e.X)
	case Cmp:
		return e.Field.steady()
	case Text:
		return e.Field.steady()
	}
	return true // the others ask for the tuples, or for whether something is known
}

func allSteady(x []Expr) bool {
	for _, e := range x {
		if !Steady(e) {
			return false
		}
	}
	return true
}

func (f Field) steady() bool {
	return f != FieldAge && f != FieldNetNS
}
