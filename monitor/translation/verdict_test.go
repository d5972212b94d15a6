package translation

import (
	"errors"
	"testing"
)

// TestDecide goes through the verdicts.
func TestDecide(t *testing.T) {
	known := Result{Began: at(0), Ended: at(100)}
	with := func(change func(*Result)) Result {
		r := known
		change(&r)
		return r
	}
	for _, c := range []struct {
		name     string
		q        Query
		r        Result
		word     Word
		covered  Coverage
		complete bool
	}{
		{"somebody", Query{}, with(func(r *Result) { r.Answers = 2 }), Found, Whole, true},
		{"nobody", Query{Since: at(5), Until: at(6)}, known, Nobody, Whole, true},
		{"nobody, with a gap", Query{}, with(func(r *Result) { r.Gaps = []Gap{{}} }), Nobody, Whole, false},
		{"nobody, with a file that cannot be read", Query{}, with(func(r *Result) { r.Faults = []error{errors.New("x")} }), Nobody, Whole, false},
		{"before the beginning", Query{Until: at(-1)}, known, NotCovered, None, false},
		{"after the end", Query{Since: at(101)}, known, NotCovered, None, false},
		{"after the last commit of a writer that is running", Query{Since: at(101)}, with(func(r *Result) { r.Live = true }), Nobody, Whole, true},
		{"from before the beginning", Query{Since: at(-1), Until: at(5)}, known, Nobody, Part, false},
		{"until after the end", Query{Since: at(1), Until: at(101)}, known, Nobody, Part, false},
		{"an empty recording", Query{}, Result{}, NotCovered, None, false},
		{"found after the end only", Query{Since: at(101)}, with(func(r *Result) { r.Answers, r.Late = 1, 1 }), NotCovered, None, false},
		{"an unknown network namespace", Query{Namespace: "blue"}, with(func(r *Result) { r.Namespaces = []string{"red"} }), NotCovered, None, false},
		{"a known network namespace", Query{Namespace: "red"}, with(func(r *Result) { r.Namespaces = []string{"red"} }), Nobody, Whole, true},
	} {
		v := Decide(c.q, c.r)
		if v.Word != c.word || v.Covered != c.covered || v.Complete() != c.complete {
			t.Errorf("%s: %s, covered %s, complete %v", c.name, v.Word, v.Covered, v.Complete())
		}
	}
}

// TestCollectorLimit expects a limit to say that there is more.
func TestCollectorLimit(t *testing.T) {
	for limit, want := range map[int]Result{0: {Answers: 3}, 2: {Answers: 2, More: true}, 3: {Answers: 3}} {
		c := Collector{Query: Query{Limit: limit}, Each: func(*Answer) error { return nil }}
		for range 3 {
			if err := c.Offer(&Answer{Translation: *opened(client(1))}); err != nil && !errors.Is(err, ErrStop) {
				t.Fatal(err)
			}
		}
		if c.Result.Answers != want.Answers || c.Result.More != want.More {
			t.Errorf("limit %d: %+v", limit, c.Result)
		}
	}
}

// TestCollectorLate marks what was open when capture ended, before the time of
// the query.
func TestCollectorLate(t *testing.T) {
	var got []Doubt
	c := Collector{Query: Query{Since: at(50)}, Each: func(a *Answer) error { got = append(got, a.Doubt); return nil }, Result: Result{Ended: at(40)}}
	for _, live := range []bool{false, true} {
		if err := c.Offer(&Answer{Translation: *opened(client(1)), Live: live}); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 2 || got[0] != TouchedByRestart || got[1] != 0 || c.Result.Late != 1 {
		t.Errorf("%v, %+v", got, c.Result)
	}
}
