package filterbar

import (
	"cmp"
	"maps"
	"slices"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/table"
)

// seenValues is the maximum number of values that are offered for a field.
const seenValues = 50

// values returns the values of a field in the table, the most frequent first, for completion. Amounts,
// times and most numbers differ too much to be offered.
func (b *Bar) values(f filter.Field) []string {
	if !f.Listed() {
		return nil
	}
	count, scanned, read := make(map[filter.Value]int), 0, f.Reader(b.s.Env)
	var e monitor.Event
	var values []filter.Owned
	b.s.Table.Scan(func(i uint32, r *table.Row, x *monitor.Extra) bool {
		r.Event(i, x, b.s.Frame, &e)
		values = read(&e, values[:0])
		for _, v := range values {
			if len(count) < 4096 || count[v.Value] > 0 {
				count[v.Value]++
			}
		}
		scanned++
		return scanned < 20_000 // a sample, because completion must be fast
	})
	seen := slices.SortedFunc(maps.Keys(count), func(a, b filter.Value) int {
		return cmp.Or(count[b]-count[a], a.Compare(b))
	})
	out := make([]string, min(len(seen), seenValues))
	for i := range out {
		out[i] = f.Text(seen[i])
	}
	return out
}
