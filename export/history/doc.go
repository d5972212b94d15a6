// Package history stores translations in SQLite files: who held which address
// and port, from when to when.
//
// A [Writer] is a sink of events. It keeps what is open in open.sqlite and
// writes a translation to the current file of closed ones when it ends. A
// [Reader] answers queries, also while a Writer is running:
//
//	r, err := history.Open("/var/lib/natlens")
//	…
//	public, _ := translation.ParseEnd("203.0.113.7:32768")
//	q := translation.Query{Outside: public, Since: at, Until: at}
//	res, err := r.Find(ctx, q, func(a *translation.Answer) error {
//		fmt.Println(a.Inside(a.Side), a.Start.Time(), a.End.Time(), a.Uncertain())
//		return nil
//	})
//	// res.Gaps: times within the query that were not captured
//
// docs/history.md describes the files, their tables and what is promised.
package history
