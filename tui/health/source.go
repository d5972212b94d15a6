package health

import (
	"context"

	"natlens/monitor"
)

// Source reads what events do not report: the kernel's table and counters, and what is
// wrong with connection tracking here. Its methods may block; each is called by one
// goroutine at a time, and its context ends with the UI.
type Source interface {
	// Read reads everything. It is called every two seconds.
	Read(ctx context.Context) (Reading, error)
	// Quiet returns why no event has come since the beginning, and a command that changes
	// that, or "".
	Quiet(ctx context.Context) (reason, command string, err error)
}

// Reading is what Read returns.
type Reading struct {
	Entries, Max uint64 // of the kernel's table; Max 0: not known
	Counters     []Counter
	Checks       []monitor.Finding // those that are not well, the gravest first
}

// Counter is one of the kernel's counters.
type Counter struct {
	Name    string
	Means   string // that it moves
	Total   uint64
	Level   monitor.Severity // of how fast it moves
	Command string           // shows its flows or stops it, for a shell; "" if it moves slowly
}

// Findings are what rules have found in the flows. It may be called from any goroutine.
type Findings interface {
	Snapshot() []monitor.Finding // those that hold now, the gravest first
}
