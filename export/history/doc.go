// Package history is the NAT log: who held which address and port, from when to
// when, and how sure that is.
//
// A [Tracker] turns the events of a monitor into translations: one a rewritten
// flow, from the NEW to the DESTROY. It works in memory, over a live capture or a
// recording. A [Writer] is a sink that keeps translations on disk, in SQLite
// files of an hour or a million rows; what is open, and which times nobody
// watched, survives a crash. A [Reader] answers a [Query] from them, also while a
// Writer is at work:
//
//	r, err := history.Open("/var/lib/natlens")
//	…
//	q := history.Query{Outside: history.End{Addr: public, Port: 32768, HasPort: true}, From: at, To: at}
//	res, err := r.Find(ctx, q, func(a *history.Answer) error {
//		fmt.Println(a.Inside(a.Side).Addr, a.Start.Time(), a.End.Time(), a.Certain())
//		return nil
//	})
//	// res.Gaps: times within the question that nobody watched
//
// The files, their schema and what is promised about them stand in
// docs/history.md. It is a log of translations, not of packets: for those there
// are recordings.
package history
