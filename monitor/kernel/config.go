package kernel

import "natlens/monitor/filter"

// Table is a list of flows that the kernel keeps.
type Table uint8

// The tables.
const (
	Conntrack   Table = iota // the tracked flows
	Dying                    // destroyed, but their DESTROY could not be delivered yet
	Unconfirmed              // their first packet is still on its way; empty from Linux 5.19 on
)

// DumpConfig says what to dump. The zero value is the whole table of the
// caller's network namespace.
type DumpConfig struct {
	NetNS int // file descriptor of a network namespace; 0: the caller's
	Table Table

	// Push is a filter that the kernel may apply, where it can: what it leaves
	// out, Push does not want, but more may come than Push wants. Nil: every flow.
	Push filter.Expr

	// Zero sets the counters of each flow to zero as it is read.
	Zero bool
}
