package table

import "natlens/monitor"

// CachedFilter is a filter for repeated scans of a table. Each row caches the
// result of the last scan until the row changes, so another scan with the same
// CachedFilter (the same pointer) evaluates only rows that have changed. Two that
// alternate get right results but no cached ones. A CachedFilter must not be
// changed once it is in use; several tables and goroutines may use it at once.
type CachedFilter struct {
	Match monitor.Filter // gets rows as [Row.Event] makes them

	// Steady says that the result depends on the row alone: not on the time and
	// on nothing outside the event. Results of other filters are not cached.
	Steady bool
}

// The result for a row is in its state:
//
//	rowMatched  rowMatches
//	    0           –       not evaluated, or the row has changed since
//	    1           0       does not match
//	    1           1       matches
//
// The chunk says which filter the results of its rows come from. Every change to
// what [Row.Event] shows clears rowMatched; slab.saveFlow, through which most
// changes go, leaves a row without it. Events do not show that and when a row
// has ended.
