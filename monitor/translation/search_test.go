package translation

import (
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/translation/translationtest"
)

// one is a source of one batch.
func one(b *monitor.Batch) iter.Seq2[*monitor.Batch, error] {
	return func(yield func(*monitor.Batch, error) bool) { yield(b, nil) }
}

// TestSearch asks a recording of two network namespaces.
func TestSearch(t *testing.T) {
	namespaces := new(monitor.Namespaces)
	blue, _ := namespaces.Add(monitor.Namespace{Name: "blue"})
	red, _ := namespaces.Add(monitor.Namespace{Name: "red"})
	var f feed
	f.Life(at(0), at(10), 1, in(blue, client(1)))
	f.Add(monitor.KindNew, at(20), 2, in(red, client(1)))
	f.Lost(at(30), at(31), 5).SetNetNS(red)
	own := translationtest.SNAT("203.0.113.7:1", "203.0.113.7:1", "198.51.100.9:443") // an address of the gateway's own
	f.Add(monitor.KindNew, at(25), 3, in(red, own))
	batch := f.Take()
	outside, _ := ParseEnd("203.0.113.7:1")
	for _, c := range []struct {
		q     Query
		want  []int // when they begin
		gaps  int
		names []string
	}{
		{Query{Outside: outside}, []int{0, 20, 25}, 1, nil},
		{Query{Outside: outside, Namespace: "blue"}, []int{0}, 0, nil},
		{Query{Outside: outside, Namespace: "green"}, nil, 0, []string{"blue", "red"}},
		{Query{Outside: outside, Since: at(12), Until: at(22)}, []int{20}, 0, nil},
		{Query{Outside: outside, Limit: 1}, []int{0}, 1, nil},
		{Query{Outside: outside, Limit: 2}, []int{0, 20}, 1, nil},
	} {
		var got []int
		res, err := Search(one(batch), c.q, namespaces, 0, func(a *Answer) error {
			got = append(got, int((a.Start-at(0))/translationtest.Second))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || len(res.Gaps) != c.gaps || res.More != (c.q.Limit > 0) {
			t.Errorf("%+v: %s%+v", c.q, diff, res)
		}
		if diff := cmp.Diff(c.names, res.Namespaces); diff != "" || res.Began != at(0) || res.Ended != at(31) {
			t.Errorf("%+v: %s%+v", c.q, diff, res)
		}
	}
}

// TestSearchOfATupleUsedAgain searches a dump that reports a tuple twice, for a
// flow that ended meanwhile and for the next one. A limit ends the search.
func TestSearchOfATupleUsedAgain(t *testing.T) {
	flow := translationtest.SNAT("10.0.0.5:4000", "10.0.0.5:4000", "198.51.100.9:443")
	var f feed
	for id := range 2 {
		f.Add(monitor.KindExisting, at(0), 0, flow).Flow.ID = uint32(id + 7)
	}
	dump := f.Take()
	inside, _ := ParseEnd("10.0.0.5")
	for limit, want := range map[int]int{0: 2, 1: 1, 2: 2} {
		answers := 0
		q := Query{Inside: inside, Limit: limit}
		res, err := Search(one(dump), q, nil, at(0), func(*Answer) error { answers++; return nil })
		if err != nil || answers != want || res.Answers != want || !res.Live || res.More != (limit == 1) {
			t.Errorf("limit %d: %d answers, %+v, %v", limit, answers, res, err)
		}
	}
}
