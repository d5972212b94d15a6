package translation

import (
	"bytes"
	"cmp"
	"errors"
	"iter"
	"slices"

	"natlens/monitor"
)

// Search answers a query from the events of a recording, or from a dump of the kernel's
// table that was read at the time table, 0 for a recording: what is open in a table is live,
// and the result covers that moment. It passes the answers to each: first those that are
// closed, then the open ones in the order of their beginnings. Flows that NAT leaves alone
// are answers as well: an address can belong to this host. names may be nil: there is one
// network namespace then.
func Search(
	events iter.Seq2[*monitor.Batch, error], q Query, names *monitor.Namespaces, table monitor.Time, each Visit,
) (Result, error) {
	c := Collector{Query: q, Each: each, Result: Result{Live: table != 0, Began: table, Ended: table}}
	r := &c.Result
	tracker := NewTracker(TrackerConfig{All: true, Name: names.Name})
	tracker.now = table
	var gaps []Gap
	if err := c.search(events, tracker, &gaps); err != nil && !errors.Is(err, ErrStop) {
		return *r, err
	}
	r.Gaps = Overlapping(gaps, &q)
	if r.Answers == 0 && q.Namespace != "" {
		names.All(func(_ monitor.NetNS, n monitor.Namespace) { r.Namespaces = append(r.Namespaces, n.Name) })
		slices.Sort(r.Namespaces)
	}
	return *r, nil
}

func (c *Collector) search(events iter.Seq2[*monitor.Batch, error], tracker *Tracker, gaps *[]Gap) error {
	r := &c.Result
	var ch Changes
	for b, err := range events {
		for i := 0; i < len(b.Events) && !r.Live; i++ {
			r.Began, r.Ended = cmp.Or(r.Began, b.Events[i].Time), max(r.Ended, b.Events[i].Time)
		}
		ch.Reset()
		tracker.Apply(b, &ch)
		*gaps = append(*gaps, ch.Gaps...)
		for _, t := range ch.Closed {
			if err := c.Offer(&Answer{Translation: t, Live: r.Live}); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	var open []Translation
	tracker.Open(func(t *Translation) bool {
		if _, ok := c.Query.Match(t); ok {
			open = append(open, *t)
		}
		return true
	})
	slices.SortFunc(open, func(a, b Translation) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start),
			bytes.Compare(a.From.Addr[:], b.From.Addr[:]), cmp.Compare(a.From.Port, b.From.Port))
	})
	for _, t := range open {
		if err := c.Offer(&Answer{Translation: t, Live: r.Live}); err != nil {
			return err
		}
	}
	return nil
}
