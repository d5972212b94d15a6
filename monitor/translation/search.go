package translation

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"natlens/monitor"
)

// Search answers a query from a stream of events: a recording, or a dump of the
// kernel's table. It is a [monitor.Sink]. Flows that NAT leaves alone are
// answers as well: an address can belong to this host.
type Search struct {
	collector Collector
	names     *monitor.Namespaces
	tracker   *Tracker
	changes   Changes
	gaps      []Gap
	live      bool
	stopped   bool
}

// NewSearch returns a search that passes its answers to each. names may be nil:
// there is one network namespace then.
func NewSearch(q Query, names *monitor.Namespaces, each Visit) *Search {
	s := &Search{collector: Collector{Query: q, Each: each}, names: names}
	s.tracker = NewTracker(TrackerConfig{All: true, Name: names.Name})
	return s
}

// Table makes the search one of the kernel's table at time now: what is open is
// live, and the result covers that moment.
func (s *Search) Table(now monitor.Time) {
	r := &s.collector.Result
	s.live, r.Live, r.Began, r.Ended = true, true, now, now
}

// Write takes in a batch of events. It returns ErrStop when the search needs no
// more.
func (s *Search) Write(b *monitor.Batch) error {
	r := &s.collector.Result
	for i := 0; i < len(b.Events) && !s.live; i++ {
		t := b.Events[i].Time
		if r.Began == 0 {
			r.Began = t
		}
		r.Ended = max(r.Ended, t)
	}
	s.changes.Reset()
	s.tracker.Apply(b, &s.changes)
	s.gaps = append(s.gaps, s.changes.Gaps...)
	for i := range s.changes.Closed {
		if err := s.offer(&s.changes.Closed[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Search) offer(t *Translation) error {
	if s.stopped {
		return ErrStop
	}
	err := s.collector.Offer(&Answer{Translation: *t, Live: s.live})
	s.stopped = errors.Is(err, ErrStop)
	return err
}

// Close does nothing; call Finish for the rest of the answers.
func (s *Search) Close() error { return nil }

// Finish passes on the translations that are still open, in the order of their
// beginnings, and returns the result.
func (s *Search) Finish() (Result, error) {
	var open []Translation
	s.tracker.Open(func(t *Translation) bool {
		if _, ok := s.collector.Query.Match(t); ok {
			open = append(open, *t)
		}
		return true
	})
	slices.SortFunc(open, func(a, b Translation) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start),
			bytes.Compare(a.From.Addr[:], b.From.Addr[:]), cmp.Compare(a.From.Port, b.From.Port))
	})
	r := &s.collector.Result
	for i := range open {
		if err := s.offer(&open[i]); errors.Is(err, ErrStop) {
			break
		} else if err != nil {
			return *r, err
		}
	}
	r.Gaps = Overlapping(s.gaps, &s.collector.Query)
	if r.Answers == 0 && s.collector.Query.Namespace != "" {
		s.names.All(func(_ monitor.NetNS, n monitor.Namespace) { r.Namespaces = append(r.Namespaces, n.Name) })
		slices.Sort(r.Namespaces)
	}
	return *r, nil
}
