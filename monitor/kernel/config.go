package kernel

import "natlens/monitor/filter"

// Table is one of the kernel's lists of flows.
type Table uint8

// The tables.
const (
	Conntrack   Table = iota // the tracked flows
	Dying                    // destroyed, but their DESTROY could not be delivered yet
	Unconfirmed              // their first packet is not confirmed yet; empty since Linux 5.19
)

// DumpConfig says what to dump. The zero value dumps the whole table of the caller's network
// namespace.
type DumpConfig struct {
	NetNS int // file descriptor of a network namespace; 0: the caller's
	Table Table

	// Push is a filter that the kernel applies as far as it can. The dump contains every flow
	// that Push selects, and may contain others. Nil: every flow.
	Push filter.Expr

	// Zero sets the counters of each flow to zero as it is read.
	Zero bool
}
