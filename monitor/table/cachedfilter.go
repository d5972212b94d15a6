package table

import "natlens/monitor"

// CachedFilter is a filter for a table that is looked at again and again. The table
// remembers in each row what the judge of the last look said of it, until the
// row changes: a look of the same judge, which is the same pointer, then asks it
// of the few rows that changed. Two judges that take turns are each told the
// truth, but nothing is remembered for them. It must not be changed once it is
// in use, and may be used for several tables and by several goroutines at once.
type CachedFilter struct {
	Match monitor.Filter // rows come to it as [Row.Event] makes them

	// Steady says that a verdict holds for as long as the row stays as it is: it
	// rests neither on the time nor on anything beside the event. What a judge
	// that is not steady says is never remembered.
	Steady bool
}

// The verdict on a row stands in its state:
//
//	rowMatched  rowMatches
//	    0          –      not asked yet, or the row has changed since
//	    1          0      refused
//	    1          1      wanted
//
// Whose verdict it is stands in the chunk, once for all of its rows. Whatever
// changes what [Row.Event] shows of a row takes rowMatched away; slab.saveFlow,
// through which most changes go, leaves a row without it. That a row has ended,
// and when, events do not show.
