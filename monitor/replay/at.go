package replay

import (
	"context"
	"iter"
	"slices"

	"natlens/monitor"
	"natlens/monitor/table"
)

// Fill calls apply, such as the Apply of a table, with the events of a source, up to and including
// those of the time until, or all if that is 0. It returns the latest time of these events.
func Fill(ctx context.Context, src monitor.Source, apply func(*monitor.Batch),
	until monitor.Time) (last monitor.Time, err error) {
	for b, err := range monitor.Batches(ctx, src) {
		later := false
		for i := range b.Events {
			if later = until != 0 && b.Events[i].Time > until; later {
				b.Events = b.Events[:i]
				break
			}
			last = max(last, b.Events[i].Time)
		}
		apply(b)
		if later || err != nil {
			return last, err
		}
	}
	return last, nil
}

// Flows returns batches of the flows of a table, as they are now, as KindExisting events of the
// time at, in the order of the rows. They have no timeouts: each packet of a flow resets its
// timeout, and there is no event of that. local returns the Local of a flow. There is no error.
func Flows(t *table.Table, at monitor.Time,
	local func(*monitor.Flow) *monitor.Local) iter.Seq2[*monitor.Batch, error] {
	var all monitor.Batch
	t.Scan(func(row uint32, r *table.Row, x *monitor.Extra) bool {
		if !r.Ended() {
			e := all.Add()
			r.Event(row, x.Clone(), at, e)
			e.Has &^= monitor.AttrTimeout
			e.Local = local(&e.Flow)
		}
		return true
	})
	return func(yield func(*monitor.Batch, error) bool) {
		for some := range slices.Chunk(all.Events, monitor.BatchSize) {
			if !yield(&monitor.Batch{Events: some}, nil) {
				return
			}
		}
	}
}
