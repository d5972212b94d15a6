package groups

import (
	"cmp"
	"slices"

	"natlens/monitor/filter"
)

// Order is what groups are sorted by: the largest first, names in alphabetical order.
type Order uint8

// The orders.
const (
	ByRate Order = iota
	ByBytes
	ByFlows
	ByNew
	ByName
)

// Group is the sum of the flows with the same values.
type Group struct {
	Key []filter.Value // one for each field of its level
	Sums
	Groups []Group // of the next level, in order
	More   int     // groups of the next level that are not in Groups
}

// Top returns a group of all flows, with the first limit groups of each level within it, in the
// order or its reverse. The result shares nothing with the counter.
func (c *Counter) Top(o Order, reverse bool, limit int) Group {
	root := Group{Sums: c.groups[0].Sums}
	open, depth := map[uint32]*Group{0: &root}, 0
	for _, level := range c.by {
		depth += len(level)
		within := map[uint32][]uint32{}
		for i := range c.groups {
			if g := &c.groups[i]; g.depth == depth {
				if p := c.above(uint32(i), len(level)); open[p] != nil {
					within[p] = append(within[p], uint32(i))
				}
			}
		}
		next := map[uint32]*Group{}
		for p, all := range within {
			slices.SortFunc(all, func(a, b uint32) int { return c.compare(a, b, len(level), o, reverse) })
			n := min(limit, len(all))
			g := open[p]
			g.Groups, g.More = make([]Group, n), len(all)-n
			for i, from := range all[:n] {
				g.Groups[i] = Group{Key: c.key(from, len(level)), Sums: c.groups[from].Sums}
				next[from] = &g.Groups[i]
			}
		}
		open = next
	}
	return root
}

// above returns the group n fields above another.
func (c *Counter) above(group uint32, n int) uint32 {
	for range n {
		group = c.groups[group].parent
	}
	return group
}

// key returns the last n values of a group.
func (c *Counter) key(group uint32, n int) []filter.Value {
	out := make([]filter.Value, n)
	for i := n - 1; i >= 0; i-- {
		out[i], group = c.groups[group].value, c.groups[group].parent
	}
	return out
}

// compare compares two groups whose level has n fields. Equal groups are in the order of names.
func (c *Counter) compare(a, b uint32, n int, o Order, reverse bool) int {
	x, y, order := &c.groups[a].Sums, &c.groups[b].Sums, 0
	switch o {
	case ByRate:
		order = cmp.Compare(y.Rate.Sum(), x.Rate.Sum())
	case ByBytes:
		order = cmp.Compare(y.Bytes.Sum(), x.Bytes.Sum())
	case ByFlows:
		order = cmp.Compare(y.Flows, x.Flows)
	case ByNew:
		order = cmp.Compare(y.New, x.New)
	}
	for i := n; order == 0 && i > 0; i-- { // the first field that differs
		order = c.groups[c.above(a, i-1)].value.Compare(c.groups[c.above(b, i-1)].value)
	}
	if reverse {
		return -order
	}
	return order
}
