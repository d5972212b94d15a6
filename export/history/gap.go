package history

import "natlens/monitor"

// Gap is a time that was not watched, or whose translations could not be kept.
type Gap struct {
	From, To monitor.Time
	Count    uint64 // Lost: events; Unwritten: translations; Restart: flows that were open when capture ended; Removed: translations
	AtLeast  bool   // Count could not be told exactly
	Cause    GapCause

	// NetNS is the number of the network namespace within the run whose events were
	// lost; 0: it concerns all there are. From disk it is 0, and Namespace has its
	// name.
	NetNS     monitor.NetNS
	Namespace string

	opened uint64 // number of the flow that opened last before it
}

// GapCause says why there is a gap. The numbers stand in files and never change.
type GapCause uint8

// The causes.
const (
	Lost      GapCause = 1 // the kernel dropped events
	Restarted GapCause = 2 // there was no capture
	Unwritten GapCause = 3 // the disk was full for longer than memory lasted
	Removed   GapCause = 4 // a file of the history was taken away, not by retention
)

// String returns the word that text and JSON use.
func (c GapCause) String() string {
	switch c {
	case Lost:
		return "lost"
	case Restarted:
		return "restart"
	case Unwritten:
		return "unwritten"
	case Removed:
		return "removed"
	}
	return "unknown"
}

// Overlapping returns the gaps that share a moment with the query's time, without those
// of other namespaces.
func Overlapping(gaps []Gap, q *Query) []Gap {
	var within []Gap
	for _, g := range gaps {
		if q.concerns(&g) {
			within = append(within, g)
		}
	}
	return within
}
