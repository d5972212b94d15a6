package findings

import (
	"natlens/monitor"
	"natlens/monitor/table"
)

// Config says what the engine can read and ask. Rules that need what is nil find
// nothing.
type Config struct {
	Table      *table.Table // nil: rules about rates only
	Thresholds Thresholds

	// Namespace returns the name of a network namespace, and the filter that
	// selects its flows; "" for the only one of a run. nil: there is one only.
	Namespace func(monitor.NetNS) (name, filter string)

	// Counters returns the kernel's counters of each network namespace. It is
	// asked once a second at most. nil: no dns-race and no dns-clash.
	Counters func() (map[monitor.NetNS]Counters, error)

	// TCPTimeouts returns the settings of a network namespace; 0 for those that can't be
	// read. nil: no idle.
	TCPTimeouts func(monitor.NetNS) monitor.TCPTimeouts

	// Packets asks the kernel how many packets a flow has sent in each direction; ok
	// is false if the kernel does not count, or has no such flow. It is asked for at
	// most maxWatched flows per scan. nil: no findings about flows that were answered
	// once.
	Packets func(f *monitor.Flow) (orig, reply uint64, ok bool)

	// Refresh asks for a dump of the kernel's table, which updates timeouts and
	// counters: events don't report packets. nil: no idle.
	Refresh func()

	// Command writes a command line of natlens as it has to be typed for a network
	// namespace. nil: as it is.
	Command func(n monitor.NetNS, args ...string) string
}

// Counters are the kernel's counters that rules use, since boot.
type Counters struct{ InsertFailed, ClashResolve uint64 }
