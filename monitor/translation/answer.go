package translation

import (
	"errors"

	"natlens/monitor"
)

// Answer is a translation that a query selects.
type Answer struct {
	Translation
	Side Side // the side that the query selects; use it for Inside, Outside and Peer
	Live bool // it is open and capture is running. An open one that is not Live was open when capture ended
}

// Result is what a search says beside its answers.
type Result struct {
	Answers int
	Late    int  // answers that were open when capture ended, before the time of the query
	More    bool // there are more than Query.Limit

	Gaps  []Gap        // that overlap the time of the query, in the order of their beginnings
	Began monitor.Time // nothing is known from before
	Ended monitor.Time // nothing is known from after; while a writer is running, its last commit
	Live  bool         // a writer is running

	Faults []error // files and network namespaces that could not be read; their translations are missing

	// Namespaces are the names that are known, sorted. They are set if the query
	// names one and there is no answer.
	Namespaces []string
}

// Visit is called with each answer of a search. The answer is only valid during
// the call. An error ends the search.
type Visit func(*Answer) error

// ErrStop ends a search without an error when Visit returns it.
var ErrStop = errors.New("stop")

// Collector passes the translations that a query selects to a function and
// counts them. Set Result.Ended before the first open translation.
type Collector struct {
	Query  Query
	Each   Visit
	Result Result
}

// Offer passes the translation to Each if the query selects it. It returns the
// error of Each, or ErrStop after Query.Limit answers.
func (c *Collector) Offer(a *Answer) error {
	side, ok := c.Query.Match(&a.Translation)
	if !ok {
		return nil
	}
	r := &c.Result
	if c.Query.Limit > 0 && r.Answers == c.Query.Limit {
		r.More = true
		return ErrStop
	}
	a.Side = side
	if a.End == 0 && !a.Live && r.Ended != 0 && c.Query.Since > r.Ended {
		// It was open when capture ended. Nobody knows whether it still was later.
		a.Doubt |= TouchedByRestart
		r.Late++
	}
	r.Answers++
	return c.Each(a)
}
