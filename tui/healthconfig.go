package tui

import (
	"context"

	"natlens/monitor"
)

// Health looks at what events do not tell: the kernel's table and counters, and
// what is wrong with connection tracking here. Its methods may block; each is
// called by one goroutine at a time, and its context ends with the UI.
type Health interface {
	// Look reads how things stand. It is called every two seconds.
	Look(ctx context.Context) (HealthReading, error)
	// Quiet says why no event has come since the begin, and the command that
	// mends it; "" where none does.
	Quiet(ctx context.Context) (reason, command string, err error)
}

// HealthReading is how things stand.
type HealthReading struct {
	Entries, Max uint64 // of the kernel's table; Max 0: not known
	Counters     []HealthCounter
	Checks       []HealthCheck // those that are not well, the gravest first
}

// HealthCounter is one of the kernel's counters.
type HealthCounter struct {
	Name  string
	Means string // that it moves
	Total uint64
	Level HealthLevel // of how fast it moves

	Command string // mends it or shows its flows, for a shell; "" where it moves slowly
}

// HealthCheck is something that is less than well, and the command that mends it.
type HealthCheck struct {
	Level               HealthLevel
	Name, Text, Command string
}

// HealthLevel says how grave something is.
type HealthLevel uint8

// The levels.
const (
	HealthNote HealthLevel = iota // worth knowing
	HealthWarn                    // less than it could be, or may become a trouble
	HealthFail                    // wrong now
)

// Findings are what rules have found in the flows. Its methods may be called from
// any goroutine.
type Findings interface {
	Snapshot() []monitor.Finding // those that stand, the gravest first
	Version() uint64             // grows when Snapshot's content changes
}
