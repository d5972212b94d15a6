package top

import (
	"bytes"
	"cmp"
	"slices"

	"natlens/monitor"
	"natlens/monitor/table"
)

// freshSpan is the time over which new flows are counted. Ended flows stay in the table for
// as long, so that short ones count too.
const freshSpan = monitor.Time(5e9)

// tally is the answer of the page.
type tally struct {
	by       int // the grouping
	counted  bool
	groups   []count // the biggest, in order
	all      int     // how many groups there are
	flows    uint64  // flows that belong to a group
	live     int     // flows in the table
	counters bool    // bytes are known
}

// count is one group.
type count struct {
	key   key
	flows uint64
	fresh uint64 // born within freshSpan
	bytes uint64
}

// order is a column that the groups are ordered by, and its direction.
type order struct {
	by   int
	down bool
}

// The columns that groups can be ordered by.
const (
	byFlows = iota + 1
	byFresh
	byBytes
	byName
)

// topGroups is how many groups are shown at the most.
const topGroups = 500

// countBy goes over the table once.
func countBy(by int, t *table.Table, f *table.CachedFilter, o order, now monitor.Time) tally {
	out := tally{by: by, counted: true}
	index := make(map[key]int32)
	var all []count
	out.live = t.ScanMatching(f, now, func(_ uint32, r *table.Row) {
		k, ok := groupings[by].key(&r.Flow)
		fresh := r.State&table.RowNew != 0 && now-r.First < freshSpan
		if !ok || r.Ended() && !fresh {
			return
		}
		at, known := index[k]
		if !known {
			at = int32(len(all))
			index[k] = at
			all = append(all, count{key: k})
		}
		g := &all[at]
		if fresh {
			g.fresh++
		}
		if !r.Ended() {
			g.flows++
			out.flows++
			g.bytes += r.Flow.CountersOrig.Bytes + r.Flow.CountersReply.Bytes
			out.counters = out.counters || r.Known.Any(monitor.AttrCountersOrig|monitor.AttrCountersReply)
		}
	})
	slices.SortFunc(all, func(a, b count) int { return compare(&a, &b, o) })
	out.all, out.groups = len(all), slices.Clone(all[:min(len(all), topGroups)])
	return out
}

func compare(a, b *count, o order) int {
	c := 0
	switch o.by {
	case byFlows:
		c = cmp.Compare(b.flows, a.flows)
	case byFresh:
		c = cmp.Compare(b.fresh, a.fresh)
	case byBytes:
		c = cmp.Compare(b.bytes, a.bytes)
	}
	c = cmp.Or(c, bytes.Compare(a.key.addr[:], b.key.addr[:]), cmp.Compare(a.key.n, b.key.n))
	if o.down == (o.by == byName) {
		return -c
	}
	return c
}
