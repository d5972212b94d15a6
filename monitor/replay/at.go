package replay

import (
	"context"
	"io"

	"natlens/monitor"
	"natlens/monitor/table"
)

// Fill applies a source's events to a table, up to and including those of the
// time until, or all of them if it is 0. It returns the latest time that it saw.
func Fill(ctx context.Context, src monitor.Source, t *table.Table, until monitor.Time) (last monitor.Time, err error) {
	for b, err := range monitor.Batches(ctx, src) {
		later := false
		for i := range b.Events {
			if later = until != 0 && b.Events[i].Time > until; later {
				b.Events = b.Events[:i]
				break
			}
			last = max(last, b.Events[i].Time)
		}
		t.Apply(b)
		if later {
			return last, nil
		}
		if err != nil {
			return last, err
		}
	}
	return last, nil
}

// Flows are a table's flows as a source of KindExisting events of the time at, in
// the order of the table's rows, which ends with io.EOF. Timeouts are left out:
// each packet of a flow sets its timeout anew, and no event tells of that.
func Flows(t *table.Table, at monitor.Time) monitor.Source { return &flows{t: t, at: at} }

type flows struct {
	t    *table.Table
	at   monitor.Time
	all  monitor.Batch
	next int
	read bool
}

// Next gives the next flows. They are copied out of the table at its first call.
func (f *flows) Next(_ context.Context, b *monitor.Batch) error {
	if !f.read {
		f.read = true
		f.t.Scan(func(row uint32, r *table.Row, x *monitor.Extra) bool {
			if !r.Ended() {
				e := f.all.Add()
				r.Event(row, x.Clone(), f.at, e)
				e.Has &^= monitor.AttrTimeout
			}
			return true
		})
	}
	n := min(len(f.all.Events)-f.next, monitor.BatchSize)
	if n == 0 {
		return io.EOF
	}
	b.Events = append(b.Events, f.all.Events[f.next:f.next+n]...)
	f.next += n
	return nil
}

// Close does nothing.
func (f *flows) Close() error { return nil }
