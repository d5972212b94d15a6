package findings

import (
	"natlens/monitor"
	"natlens/monitor/table"
)

// Config gives the engine what it reads. Rules that need a nil field find nothing.
type Config struct {
	Table      *table.Table // nil: rules about rates only
	Thresholds Thresholds

	// Namespace returns the name of a network namespace, and a filter for its flows; "" for the
	// only one. nil: the run watches only one.
	Namespace func(monitor.NetNS) (name, filter string)

	// Counters returns the kernel's counters of each network namespace by their names, those that
	// it can read. It is called at most once a second. nil: no dns-race and no dns-clash.
	Counters func() map[monitor.NetNS]map[string]uint64

	// TCPTimeouts returns the settings of a network namespace. Those that cannot be read are 0.
	// nil: no idle.
	TCPTimeouts func(monitor.NetNS) monitor.TCPTimeouts

	// Packets asks the kernel for the packets of a flow in each direction; ok is false if the
	// kernel does not count, or has no such flow. A scan calls it for at most maxWatched flows.
	// nil: no findings about flows that were answered once.
	Packets func(f *monitor.Flow) (orig, reply uint64, ok bool)

	// Refresh requests a dump of the kernel's table, which updates timeouts and counters:
	// events do not report packets. nil: no idle.
	Refresh func()

	// Command returns a natlens command line for a network namespace, as a user types it. nil:
	// the words as they are.
	Command func(n monitor.NetNS, args ...string) string
}
