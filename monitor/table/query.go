package table

import (
	"sync/atomic"

	"natlens/monitor"
)

// Query asks a table for the rows on a screen: those around a place in an order,
// among the matching flows. The table is neither sorted nor copied. One scan
// answers it, in a time that depends on the size of the table only.
type Query struct {
	Filter     *CachedFilter // nil: every flow
	By         Order
	Value      func(row uint32, r *Row) uint64 // what [ByValue] orders by; called with the table locked
	Descending bool
	At         Place        // the zero Place is the beginning of every order
	End        bool         // from the end of the order instead: At is ignored
	Above      int          // how many rows before the place
	Below      int          // how many rows from the place on
	Now        monitor.Time // the time of the events that the filter gets

	// Near is a row near the place, if one is known. The scan begins there, so
	// that most later rows are no candidates.
	Near uint32

	// Stop, when it becomes true, ends the scan: the view comes back cut. It
	// may be set by another goroutine; nil: never.
	Stop *atomic.Bool
}

// View is what a [Query] found. It shares nothing with the table.
type View struct {
	Rows    []ViewRow
	At      int           // Rows[At] is the first row that is not before the place
	Before  int           // matching rows before Rows[0]
	Matched int           // rows that match, ended ones included
	Live    int           // flows that match and are not ended
	Flows   int           // flows in the table that are not ended
	Seen    monitor.Attrs // what is known of any flow that matches and is not ended
	Marked  bool          // some matching row has a mark
	Zoned   bool          // some matching row has a zone other than 0
	Changes uint64        // [Table.Changes] before the scan
	Cut     bool          // the scan was stopped: nothing in the view is right
}

// ViewRow is a row with its position in the table and in the order.
type ViewRow struct {
	Row
	Index uint32 // for [Table.Get]; the generation is Row.Gen
	Place Place
}

// Order is what the rows of a view are ordered by.
type Order uint8

// The orders. Equal rows keep the order of arrival, also in descending order.
const (
	ByArrival     Order = iota // the order in which they were added
	ByProto                    // protocol number
	ByState                    // protocol, then state; without states replied and assured ones last
	BySource                   // address and port, before NAT
	BySentAs                   // the source after NAT
	ByDestination              // address and port, before NAT
	ByDelivered                // the destination after NAT
	ByPackets                  // both directions
	ByBytes                    // both directions
	ByBorn                     // the beginning, unknown ones first
	ByLast                     // the last message
	ByTimeout                  // the moment at which it would end
	ByMark
	ByZone
	ByValue // Query.Value
)

// Place is a position in an order: the value, and the generation among
// equal ones. A place stays good when its row is gone.
type Place struct {
	Hi, Lo uint64
	Sub    uint32
	Gen    uint64
}
