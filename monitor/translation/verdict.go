package translation

import "slices"

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
