package filter

import (
	"net/netip"
	"slices"
)

// newCmp returns the comparison in its one canonical form.
func newCmp(f Field, mask uint64, op Op, set []Range) Expr {
	set = normalize(set, !f.info().kind.discrete)
	// One bit is either set or not: there is one way to say it.
	if mask != 0 && mask&(mask-1) == 0 && f.info().kind.bits && len(set) == 1 {
		switch {
		case op == Ne && set[0] == (Range{mask, mask}):
			op, set = Eq, []Range{{}}
		case op == Ne && set[0] == (Range{}):
			op, set = Eq, []Range{{mask, mask}}
		}
	}
	return Cmp{f, mask, op, set}
}

func newAddr(f Field, op Op, set []netip.Prefix) Expr {
	set = slices.Clone(set)
	slices.SortFunc(set, netip.Prefix.Compare)
	return Addr{f, op, slices.Compact(set)}
}

func newText(f Field, op Op, set []string) Expr {
	set = slices.Clone(set)
	slices.Sort(set)
	return Text{f, op, slices.Compact(set)}
}
