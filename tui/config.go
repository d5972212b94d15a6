package tui

import (
	"context"
	"io"
	"net/netip"
	"time"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// Config is what the UI works with. Table is needed; everything else may be left
// out, and what would need it is then not offered.
type Config struct {
	Table *table.Table // best with TableConfig{Linger: 5 * time.Second, Life: true}
	Tail  *Tail        // the sink that keeps the last events; nil: the Events page is empty
	Stats func() loop.Stats
	Info  Info

	// Feed carries the events into Table and Tail: monitor.Monitor.Run. Run
	// starts it and waits for it. Its end does not end the UI: the source is
	// then shown as ended, with the error if there is one. A panic in it ends
	// the UI with the terminal restored. Nil: somebody else does it.
	Feed func(context.Context) error

	Clock    func() monitor.Time // the time of the flows; nil: the wall clock's
	Location *time.Location      // in which times are shown; nil: time.Local
	Filter   string              // the filter to begin with
	Env      filter.Env          // names of labels; Values is set by the UI
	Theme    string              // dark, light, or "": as the terminal's background is
	NoColor  bool                // bold and reverse instead of colour; else as many as the terminal has

	// Trouble says what goes wrong beside the flows, such as a history that can't
	// be written; it stands above the page for as long as it does. "": nothing. It
	// is asked in each frame and must not block. Nil: nothing can.
	Trouble func() string

	// Enter is what takes a copied command to a network namespace, with the privilege
	// for it and a blank behind: "sudo ip netns exec red ". Nil, or "": it runs as it is.
	Enter func(monitor.NetNS) string

	Deleter   Deleter
	Exporter  Exporter
	Refresher Refresher
	Resolver  Resolver
	Services  func(monitor.Proto, uint16) string // name of a port; "" for none
	History   History
	Player    Player
	Health    Health
	Findings  Findings
	Who       Asker

	Input   io.Reader // nil: the terminal
	Output  io.Writer // nil: the terminal
	Environ []string  // for TERM and the like; nil: os.Environ
}

// Info is what the status line says of the source.
type Info struct {
	Host      string
	Namespace string // host, a namespace's name, or a recording
	Capture   string // ring, socket, replay
	Max       uint64 // nf_conntrack_max; 0: not known
}

// Deleter takes a flow out of the kernel's table. It should find it by tuple and
// id. It may block; its context ends with the UI.
type Deleter interface {
	Delete(ctx context.Context, f *monitor.Flow, known monitor.Attrs) error
}

// Exporter makes files of JSON lines. An error for which errors.Is finds
// fs.ErrExist is answered by asking the user, and another call with overwrite.
// The sink is closed by the UI; Close finishes the file.
type Exporter interface {
	Create(path string, overwrite bool) (monitor.Sink, error)
}

// Refresher reads counters and timeouts of flows as they stand now, which events
// do not tell. The events come with KindExisting and the time of the reading.
type Refresher interface {
	// Get asks for single flows by their original tuples. Flows that are gone
	// are left out.
	Get(ctx context.Context, orig []monitor.Tuple, got func(*monitor.Event)) error
	// Dump reads the whole table.
	Dump(ctx context.Context, got func(*monitor.Event)) error
}

// Resolver finds the name of an address; "" for none. It may block: it is asked
// by a few goroutines, and each answer is kept.
type Resolver interface {
	Name(ctx context.Context, a netip.Addr) (string, error)
}

// History keeps the filters that were used, over runs.
type History interface {
	Lines() []string   // oldest first
	Add(filter string) // must not block for long
}

// Player is a source that can be steered: a recording.
type Player interface {
	State() Playing
	Play(on bool)
	Speed(factor float64)
	Seek(to monitor.Time)
}

// Playing is where a Player stands.
type Playing struct {
	On                bool
	Speed             float64
	Start, At, Finish monitor.Time
}
