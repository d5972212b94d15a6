package filter

import "natlens/monitor"

// KindSet is a set of kinds of events. The empty set means all of them.
type KindSet uint8

// Kinds returns the set of the given kinds.
func Kinds(kinds ...monitor.Kind) KindSet {
	var s KindSet
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has reports whether a kind is in the set.
func (s KindSet) Has(k monitor.Kind) bool { return s == 0 || s&(1<<k) != 0 }

// Expr returns the filter for events of the set.
func (s KindSet) Expr() Expr {
	var set []Range
	for k := monitor.KindNew; k <= monitor.KindExisting; k++ {
		if s&(1<<k) != 0 {
			set = append(set, Range{uint64(k), uint64(k)})
		}
	}
	if set == nil {
		return Const(true)
	}
	return newCmp(FieldEvent, 0, Eq, set)
}
