package filter

import (
	"net/netip"
	"slices"
)

// newCmp returns the comparison in its canonical form.
func newCmp(f Field, mask uint64, op Op, set []Range) Cmp {
	set = normalize(set, !f.info().kind.discrete)
	// One bit is either set or not: use one form for both.
	if mask != 0 && mask&(mask-1) == 0 && f.info().kind.bits != nil && len(set) == 1 {
		switch {
		case op == Ne && set[0] == (Range{mask, mask}):
			op, set = Eq, []Range{{}}
		case op == Ne && set[0] == (Range{}):
			op, set = Eq, []Range{{mask, mask}}
		}
	}
	return Cmp{f, mask, op, set}
}

// cmp returns the comparison of the word; with Ne its opposite.
func (w bitWord) cmp(f Field, op Op) Cmp {
	if op == Ne { // inverted: Eq and Ne are 0 and 1
		w.op ^= Ne
	}
	return newCmp(f, w.mask, w.op, []Range{{w.value, w.value}})
}

// bitWord returns the word of a comparison, or of its opposite.
func (x Cmp) bitWord() (w bitWord, opposite, ok bool) {
	for _, op := range []Op{Eq, Ne} {
		for _, w := range x.Field.info().kind.bits {
			c := w.cmp(x.Field, op)
			if c.Mask == x.Mask && c.Op == x.Op && slices.Equal(c.Set, x.Set) {
				return w, op == Ne, true
			}
		}
	}
	return w, false, false
}

func newAddr(f Field, op Op, set []netip.Prefix) Addr {
	slices.SortFunc(set, netip.Prefix.Compare)
	return Addr{f, op, slices.Compact(set)}
}
