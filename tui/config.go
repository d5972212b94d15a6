// Package tui is the terminal UI of natlens: the live table of flows, the tail of events,
// what fills the table, what NAT does, and each flow's walk through the hooks.
//
//	keys   what each key does, and how help and footer name it
//	paint  lines of spans with a meaning, and what each meaning looks like
//	tail   the sink that keeps the last events
//	page   what the pages share; the packages of the pages, detail, walk and filterbar use it
//	tui    the root model: it routes messages to pages, and draws what is around them
//
// The UI pulls. Nothing sends it a message per event: once a frame the open page reads the
// rows around its cursor, or has them counted in a command. It opens no socket and no file:
// what it can do is in small interfaces in [Config]. docs/architecture.md follows a key to
// the screen.
package tui

import (
	"cmp"
	"context"
	"io"
	"time"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
	"natlens/tui/filterbar"
	"natlens/tui/health"
	"natlens/tui/page"
	"natlens/tui/tail"
	"natlens/tui/who"
)

// Config is what the UI works with. Table is needed; everything else may be left out, and
// what would need it is then not offered.
type Config struct {
	Table *table.Table // best with table.Config{Linger: 5 * time.Second, Life: true}
	Tail  *tail.Tail   // the sink that keeps the last events; nil: the Events page is empty
	Stats func() loop.Stats
	Info  Info

	// Feed carries the events into Table and Tail: loop.Loop.Run. Run starts it and waits
	// for it. When it returns, the UI goes on and shows that the source has ended, with the
	// error if there is one. A panic in it ends the UI with the terminal restored. Nil:
	// somebody else does it.
	Feed func(context.Context) error

	Clock    func() monitor.Time // the time of the flows; nil: the wall clock's
	Location *time.Location      // in which times are shown; nil: time.Local
	Filter   string              // the filter to begin with
	Env      filter.Env          // names of labels and namespaces; Values and Now are set by the UI
	Theme    string              // dark, light, or "": as the terminal's background is
	NoColor  bool                // bold and reverse instead of colour; else as many as the terminal has
	ASCII    bool                // no other characters, for a locale without UTF-8

	// Trouble returns what goes wrong beside the flows, such as a history that can't be
	// written. It is shown above the page for as long as it is returned; "" is nothing. It
	// is called with every frame and must not block. Nil: nothing can go wrong.
	Trouble func() string

	// Enter returns the prefix that runs a copied command in a network namespace, with the
	// privilege for it and a blank behind: "sudo ip netns exec red ". Nil, or "": it runs as
	// it is.
	Enter func(monitor.NetNS) string

	Deleter   Deleter
	Exporter  Exporter
	Refresher Refresher
	Resolver  page.Resolver
	Services  func(monitor.Proto, uint16) string // name of a port; "" for none
	History   filterbar.History
	Player    Player
	Health    health.Source
	Findings  health.Findings
	Who       who.Asker

	Input   io.Reader // nil: the terminal
	Output  io.Writer // nil: the terminal
	Environ []string  // for TERM and the like; nil: os.Environ
}

// session adds what the UI can't do without, and returns what the pages share.
func (cfg *Config) session() *page.Session {
	if cfg.Clock == nil {
		cfg.Clock = monitor.Now
	}
	if cfg.Stats == nil {
		cfg.Stats = func() loop.Stats { return loop.Stats{} }
	}
	cfg.Tail = cmp.Or(cfg.Tail, tail.New())
	cfg.Env.Now = cfg.Clock
	s := &page.Session{Table: cfg.Table, Tail: cfg.Tail, Env: cfg.Env, Clock: cfg.Clock, Context: context.Background(),
		Location: cmp.Or(cfg.Location, time.Local), Names: page.NewNames(cfg.Resolver, cfg.Services),
		Replay: cfg.Player != nil}
	if cfg.Refresher != nil {
		s.Rates = new(page.Rates)
	}
	return s
}

// Info is what the header says of the source.
type Info struct {
	Host      string
	Namespace string // host, a namespace's name, or a recording
	Capture   string // ring, socket, replay
	Max       uint64 // nf_conntrack_max; 0: not known
}

// Deleter deletes a flow in the kernel. It should find it by tuple and id. It may block; its
// context ends with the UI.
type Deleter interface {
	Delete(ctx context.Context, f *monitor.Flow, known monitor.Attrs) error
}

// Exporter creates files of JSON lines. If its error is fs.ErrExist, the user is asked, and
// it is called again with overwrite. The UI closes the sink, which completes the file.
type Exporter interface {
	Create(path string, overwrite bool) (monitor.Sink, error)
}

// Refresher reads counters and timeouts of flows as they are now, which no event reports. The
// events that it calls got with have KindExisting and the time of the reading.
type Refresher interface {
	// Get reads single flows by their original tuples. Flows that are gone are left out.
	Get(ctx context.Context, orig []monitor.Tuple, got func(*monitor.Event)) error
	// Dump reads the whole table.
	Dump(ctx context.Context, got func(*monitor.Event)) error
}

// Player is a source that can be steered: a recording.
type Player interface {
	State() Playing
	Play(on bool)
	Speed(factor float64)
	Seek(to monitor.Time)
}

// Playing is the state of a Player.
type Playing = replay.State
