// Package tui is the terminal UI of natlens: the live table of flows, the stream of events, the
// top talkers, the use of NAT, and each flow's walk through the hooks.
//
//	keys   what each key does, and its name in help and footer
//	paint  lines of text with roles, and the style of each role
//	tail   the sink that keeps the last events
//	page   what the pages share; the packages of the pages, detail, walk and filterbar use it
//	tui    the root model: it passes messages to pages, and draws what is around them
//
// The UI pulls. No event sends it a message: once in each frame the open page reads the rows
// around its cursor, or counts rows in a command. The UI opens no socket and no file; small
// interfaces in [Config] do. docs/architecture.md follows a key to the screen.
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
	"natlens/tui/flows"
	"natlens/tui/health"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
	"natlens/tui/tail"
	"natlens/tui/who"
)

// Config is what the UI works with. Table is required. Without another field, the UI does not
// offer what needs it.
type Config struct {
	Table *table.Table // best with table.Config{Linger: 5 * time.Second, Life: true, Rates: true}
	Tail  *tail.Tail   // the sink that keeps the last events; nil: the Events page is empty
	Stats func() loop.Stats
	Info  Info

	// Feed passes the events to Table and Tail: loop.Loop.Run. Run starts it and waits for it.
	// When it returns, the UI continues and shows that the source has ended, with the error if
	// there is one. A panic in it ends the UI with the terminal restored. Nil: the caller does
	// it.
	Feed func(context.Context) error

	Clock    func() monitor.Time // the clock of the flows; nil: the wall clock
	Location *time.Location      // time zone of displayed times; nil: time.Local
	Filter   string              // the first filter
	Env      filter.Env          // names of labels and namespaces; Values and Now are set by the UI
	Theme    string              // dark, light, or "": by the terminal's background
	Columns  []flows.Choice      // of Flows; nil: those that fit
	Views    []page.View         // that the user can open
	View     string              // the first one; "": none
	Saver    Saver               // nil: nothing is saved
	Keys     *keys.Bindings      // nil: the usual keys
	Colours  paint.Colours       // of roles, over those of the theme
	NoMouse  bool                // the terminal keeps the mouse
	NoColor  bool                // bold and reverse instead of colour
	ASCII    bool                // only ASCII, for a locale without UTF-8
	Bits     bool                // rates in bits per second, not bytes

	// Trouble returns a problem outside the flows, such as a history that cannot be written, or
	// "". The UI shows it above the page while it is returned. It is called in every frame and
	// must not block. Nil: no problems.
	Trouble func() string

	// Enter returns the prefix for a copied command that runs in a network namespace, with the
	// privilege for it and a space at the end: "sudo ip netns exec red ". Nil, or "": no
	// prefix.
	Enter func(monitor.NetNS) string

	// Rules returns the rules of nf_tables that probably rewrite a flow. It may block.
	Rules func(*monitor.Walk) ([]monitor.Decision, error)

	Deleter   Deleter
	Exporter  Exporter
	Refresher Refresher
	Resolver  page.Resolver
	Services  func(monitor.Proto, uint16) string // name of a port, or ""
	History   filterbar.History
	Player    Player
	Health    health.Source
	Findings  health.Findings
	Who       who.Asker

	Input   io.Reader // nil: the terminal
	Output  io.Writer // nil: the terminal
	Environ []string  // for TERM and the like; nil: os.Environ
}

// session sets the defaults, and returns what the pages share.
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
		Replay: cfg.Player != nil, Reads: cfg.Refresher != nil, Bits: cfg.Bits, Window: table.Over10s,
		Keys: cmp.Or(cfg.Keys, keys.Default())}
	if cfg.ASCII {
		s.Keys = s.Keys.ASCII()
	}
	s.Env.Named, s.Marked = s.Names.Named, make(map[uint64]uint32)
	return s
}

// Info describes the source in the header.
type Info struct {
	Host      string
	Namespace string // host, a namespace's name, or a recording
	Capture   string // ring, socket, replay
	Max       uint64 // nf_conntrack_max; 0: unknown
}

// Deleter deletes a flow from the kernel's table, by tuple and id. It may block; its context
// ends with the UI.
type Deleter interface {
	Delete(ctx context.Context, f *monitor.Flow, known monitor.Attrs) error
}

// Exporter creates files of JSON lines. If its error is fs.ErrExist, the user is asked, and
// it is called again with overwrite. The UI closes the sink, which completes the file.
type Exporter interface {
	Create(path string, overwrite bool) (monitor.Sink, error)
}

// Saver keeps what the user arranged for later runs. It may block.
type Saver interface {
	// SaveView replaces a view. Without a page it removes it.
	SaveView(page.View) error
	SaveColumns([]string) error
}

// Refresher reads the current counters and timeouts of flows, which no event reports. The
// events have KindExisting and the time of the reading.
type Refresher interface {
	// Get reads single flows by their original tuples. It skips flows that have ended.
	Get(ctx context.Context, orig []monitor.Tuple, got func(*monitor.Event)) error
	// Dump reads the whole table.
	Dump(ctx context.Context, got func(*monitor.Event)) error
}

// Player is a source that the UI can control: a recording.
type Player interface {
	State() Playing
	Play(on bool)
	Speed(factor float64)
	Seek(to monitor.Time)
}

// Playing is the state of a Player.
type Playing = replay.State
