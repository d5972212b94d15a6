// Package translation says who held which address and port, from when to when,
// and how certain that is.
//
// A [Tracker] turns the events of a run into translations: one for each flow
// that NAT rewrites, from its NEW to its DESTROY. [Query] selects translations,
// and [Verdict] says what the answers prove: somebody held the address, nobody
// did, or the time is not covered. [Search] answers a query from a stream of
// events; export/history answers it from files.
//
//	t := translation.NewTracker(translation.TrackerConfig{})
//	var ch translation.Changes
//	t.Apply(batch, &ch)
//	for i := range ch.Closed {
//		tr := &ch.Closed[i]
//		fmt.Println(tr.Inside(translation.SourceSide), tr.Outside(translation.SourceSide), tr.Uncertain())
//	}
//
// The package does no I/O. [Row] is the JSON form of a translation.
package translation
