package translation

import (
	"bytes"
	"cmp"
	"errors"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
)

// Query selects translations. All conditions must hold; the zero Query selects
// everything.
type Query struct {
	Outside End // who held this address?
	Inside  End // what did this host hold?
	Peer    End // only towards this one

	Proto monitor.Proto // 0: any

	// Since and Until select translations that were open at some time between
	// them, both included; 0 is no bound. Equal values are one moment.
	Since, Until monitor.Time

	Namespace string // network namespace by name; "": any
	Limit     int    // end after this many translations; 0: never
}

// Match reports whether the query selects the translation, and by which side. An open
// translation has no end.
func (q *Query) Match(t *Translation) (Side, bool) {
	switch {
	case q.Proto != 0 && q.Proto != t.Proto, q.Namespace != "" && q.Namespace != t.Namespace, !q.Covers(t.Start, t.End):
		return 0, false
	}
	for _, s := range t.Sides() {
		if q.Outside.match(t.Outside(s)) && q.Inside.match(t.Inside(s)) && q.Peer.match(t.Peer(s)) {
			return s, true
		}
	}
	return 0, false
}

// Covers reports whether a time from start to end, 0 for no end, overlaps the
// time of the query.
func (q *Query) Covers(start, end monitor.Time) bool {
	return (q.Until == 0 || start <= q.Until) && (q.Since == 0 || end == 0 || end >= q.Since)
}

// Concerns reports whether the gap can hide answers.
func (q *Query) Concerns(g *Gap) bool {
	return q.Covers(g.From, g.To) && (g.Namespace == "" || q.Namespace == "" || q.Namespace == g.Namespace)
}

// End is an address with a port, an ICMP id or a GRE key. In a [Query] the zero
// value means any.
type End struct {
	Addr    monitor.Addr // in a query, zero means any address
	Port    uint16       // only with HasPort
	HasPort bool         // false: the protocol has no port here; in a query, any port
}

// Any reports whether the end is the zero value.
func (e End) Any() bool { return e == End{} }

// match reports whether the query's end matches an end of a translation.
func (e End) match(is End) bool {
	return (!e.HasPort || is.HasPort && e.Port == is.Port) && (e.Addr == monitor.Addr{} || e.Addr == is.Addr)
}

// String returns ADDR, ADDR:PORT or [ADDR]:PORT.
func (e End) String() string {
	switch {
	case !e.HasPort:
		return e.Addr.String()
	case e.Addr.Is4():
		return e.Addr.String() + ":" + strconv.Itoa(int(e.Port))
	}
	return "[" + e.Addr.String() + "]:" + strconv.Itoa(int(e.Port))
}

// ParseEnd reads ADDR, [ADDR], ADDR:PORT or [ADDR]:PORT. Scoped addresses are
// rejected.
func ParseEnd(text string) (End, bool) {
	bare, bracket := strings.CutPrefix(text, "[")
	if bracket {
		bare, bracket = strings.CutSuffix(bare, "]")
	}
	if addr, err := netip.ParseAddr(bare); err == nil && bracket == strings.HasPrefix(text, "[") {
		return End{Addr: monitor.AddrFrom(addr)}, addr.Zone() == ""
	}
	both, err := netip.ParseAddrPort(text)
	if err != nil || both.Addr().Zone() != "" {
		return End{}, false
	}
	return End{monitor.AddrFrom(both.Addr()), both.Port(), true}, true
}

// Answer is a translation that a query selects.
type Answer struct {
	Translation
	Side Side // the side that the query selects; use it for Inside, Outside and Peer
	Live bool // it is open and capture is running. An open one that is not Live was open when capture ended
}

// Result is the result of a search without its answers.
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
		// It was open when capture ended. It is not known whether it still was later.
		a.Doubt |= TouchedByRestart
		r.Late++
	}
	r.Answers++
	return c.Each(a)
}

// Verdict is what the answers to a query prove.
type Verdict struct {
	Query   Query
	Result  Result
	Word    Word
	Covered Coverage
	Foreign bool // nothing is known of the network namespace that the query names
}

// Word is the verdict in one word.
type Word string

// The words. JSON has them as they are.
const (
	Found      Word = "found"       // somebody held the address
	Nobody     Word = "nobody"      // nobody did, as far as was captured; see Result.Gaps
	NotCovered Word = "not-covered" // nothing is known of the time or the network namespace
)

// Coverage says how much of the time of a query is known.
type Coverage string

// The coverages. JSON has them as they are.
const (
	Whole Coverage = "whole"
	Part  Coverage = "part"
	None  Coverage = "none"
)

// Decide returns the verdict on a query.
func Decide(q Query, r Result) Verdict {
	v := Verdict{Query: q, Result: r, Word: Nobody, Covered: Whole}
	v.Foreign = q.Namespace != "" && r.Answers == 0 && !slices.Contains(r.Namespaces, q.Namespace)
	switch {
	case v.Foreign,
		r.Began == 0 && r.Ended == 0,
		q.Until != 0 && q.Until < r.Began,
		!r.Live && q.Since > r.Ended:
		v.Covered, v.Word = None, NotCovered
	case q.Since != 0 && q.Since < r.Began,
		!r.Live && q.Until > r.Ended:
		v.Covered = Part
	}
	if r.Answers > r.Late {
		v.Word = Found
	}
	return v
}

// Complete reports whether nothing can be missing from the answers.
func (v *Verdict) Complete() bool {
	return v.Covered == Whole && len(v.Result.Gaps) == 0 && len(v.Result.Faults) == 0
}

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
	if err := c.search(events, tracker); err != nil && !errors.Is(err, ErrStop) {
		return *r, err
	}
	r.Gaps = Overlapping(r.Gaps, &q)
	if r.Answers == 0 && q.Namespace != "" {
		names.All(func(_ monitor.NetNS, n monitor.Namespace) { r.Namespaces = append(r.Namespaces, n.Name) })
		slices.Sort(r.Namespaces)
	}
	return *r, nil
}

// search offers what the tracker makes of the events, and collects all gaps.
func (c *Collector) search(events iter.Seq2[*monitor.Batch, error], tracker *Tracker) error {
	r := &c.Result
	offer := func(all []Translation) error {
		for _, t := range all {
			if err := c.Offer(&Answer{Translation: t, Live: r.Live}); err != nil {
				return err
			}
		}
		return nil
	}
	var ch Changes
	for b, err := range events {
		for i := 0; i < len(b.Events) && !r.Live; i++ {
			r.Began, r.Ended = cmp.Or(r.Began, b.Events[i].Time), max(r.Ended, b.Events[i].Time)
		}
		ch.Reset()
		tracker.Apply(b, &ch)
		r.Gaps = append(r.Gaps, ch.Gaps...)
		if err := cmp.Or(offer(ch.Closed), err); err != nil {
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
	return offer(open)
}
