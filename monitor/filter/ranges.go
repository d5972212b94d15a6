package filter

import (
	"cmp"
	"math"
	"slices"
)

// contains reports whether a number is in a normalized set.
func contains(set []Range, v uint64) bool {
	for _, r := range set { // short, because a user typed it
		if v <= r.Hi {
			return v >= r.Lo
		}
	}
	return false
}

func compileSet(set []Range) func(uint64) bool {
	if len(set) == 1 {
		lo, span := set[0].Lo, set[0].Hi-set[0].Lo
		return func(v uint64) bool { return v-lo <= span }
	}
	return func(v uint64) bool { return contains(set, v) }
}

// normalize sorts ranges and joins those that overlap. If adjacent is true, it also joins
// neighbours.
func normalize(set []Range, adjacent bool) []Range {
	set = slices.Clone(set)
	slices.SortFunc(set, func(a, b Range) int { return cmp.Compare(a.Lo, b.Lo) })
	out := set[:0]
	for _, r := range set {
		if n := len(out); n > 0 {
			last := &out[n-1]
			if r.Lo <= last.Hi || adjacent && r.Lo-1 == last.Hi {
				last.Hi = max(last.Hi, r.Hi)
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// complement returns the numbers from 0 to limit that are not in the set.
func complement(set []Range, limit uint64) (out []Range) {
	next := uint64(0)
	for _, r := range set {
		if r.Lo > limit {
			break
		}
		if r.Lo > next {
			out = append(out, Range{next, r.Lo - 1})
		}
		if r.Hi >= limit {
			return out
		}
		next = r.Hi + 1
	}
	return append(out, Range{next, limit})
}

const noMask = math.MaxUint64

// ranges returns the numbers from 0 to limit for which the comparison is true, without its
// mask.
func (c Cmp) ranges(limit uint64) []Range {
	v := c.Set[0].Lo
	switch c.Op {
	case Ne:
		return complement(c.Set, limit)
	case Lt:
		if v == 0 {
			return nil
		}
		return []Range{{0, v - 1}}
	case Le:
		return []Range{{0, v}}
	case Gt:
		if v >= limit {
			return nil
		}
		return []Range{{v + 1, limit}}
	case Ge:
		return []Range{{v, limit}}
	}
	return c.Set
}
