package table

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/groups"
)

// sorting is the value of --sort. The zero value keeps the kernel's order.
type sorting struct {
	rate  bool         // by rate, otherwise by field
	field filter.Field // 0 without --sort
	rates groups.Rates
}

// read reads rate or a field of the filter language.
func (s *sorting) read(text string) (err error) {
	s.field = filter.FieldProto
	if s.rate = text == "rate"; !s.rate {
		s.field, err = filter.FieldByName(text)
	}
	return err
}

// sortable is a flow with what it is sorted by.
type sortable struct {
	monitor.Event
	key   filter.Value
	known bool
}

// sorted returns the wanted flows in order, at most limit of them (0: all). Amounts and times
// are in falling order, other values in rising order. Flows whose value is unknown come last.
func (s *sorting) sorted(flows iter.Seq2[*monitor.Batch, error], wanted monitor.Filter, env filter.Env,
	limit uint64) iter.Seq2[*monitor.Batch, error] {
	return func(yield func(*monitor.Batch, error) bool) {
		var all []sortable
		var values []filter.Owned
		read := s.field.Reader(env)
		cut := func() {
			slices.SortStableFunc(all, s.compare)
			if limit > 0 {
				all = all[:min(limit, uint64(len(all)))]
			}
		}
		s.rates.Begin(monitor.Now())
		for b, err := range flows {
			b.Keep(wanted)
			for i := range b.Events {
				e := sortable{Event: b.Events[i]}
				e.Extra, e.Raw = e.Extra.Clone(), bytes.Clone(e.Raw)
				if s.rate {
					sums := groups.Of(&e.Event)
					s.rates.Add(&e.Event, &sums)
					if e.known = sums.Rated > 0; e.known {
						e.Rate = &monitor.Rate{Up: sums.Rate.Up, Down: sums.Rate.Down}
					}
				} else if values = read(&e.Event, values[:0]); len(values) > 0 {
					e.key, e.known = values[0].Value, true
				}
				all = append(all, e)
			}
			if limit > 0 && uint64(len(all)) > 2*limit+monitor.BatchSize {
				cut()
			}
			if err != nil {
				yield(new(monitor.Batch), err)
				return
			}
		}
		cut()
		for part := range slices.Chunk(all, monitor.BatchSize) {
			b := new(monitor.Batch)
			for i := range part {
				b.Events = append(b.Events, part[i].Event)
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

func (s *sorting) compare(a, b sortable) int {
	switch {
	case a.known != b.known && a.known:
		return -1
	case a.known != b.known:
		return 1
	case !a.known:
		return 0
	case s.rate:
		return cmp.Compare(b.Rate.Up+b.Rate.Down, a.Rate.Up+a.Rate.Down)
	case s.field.Amount():
		return b.key.Compare(a.key)
	}
	return a.key.Compare(b.key)
}

// measure reads the flows once, so that the next reading has rates, and waits a second.
func (s *sorting) measure(ctx context.Context, flows iter.Seq2[*monitor.Batch, error]) error {
	for _, err := range s.sorted(flows, nil, filter.Env{}, 1) {
		if err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
	return ctx.Err()
}
