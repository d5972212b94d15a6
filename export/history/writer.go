// Package history stores translations in SQLite files: who held which address and port, from
// when to when.
//
// A [Writer] is a sink of events. It stores open translations in open.sqlite, and writes a
// translation to the current file of closed ones when it ends. A [Reader] answers queries, also
// while a Writer is running:
//
//	r, err := history.Open("/var/lib/natlens")
//	…
//	public, _ := translation.ParseEnd("203.0.113.7:32768")
//	q := translation.Query{Outside: public, Since: at, Until: at}
//	res, err := r.Find(ctx, q, func(a *translation.Answer) error {
//		fmt.Println(a.Inside(a.Side), a.Start.Time(), a.End.Time(), a.Uncertain())
//		return nil
//	})
//	// res.Gaps: times within the query that were not captured
//
// docs/history.md describes the files, their tables and their guarantees.
package history

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"natlens/monitor"
	"natlens/monitor/translation"
)

// Errors of NewWriter and Open.
var (
	ErrLocked      = errors.New("another process writes to this history")
	ErrUnsupported = errors.New("this build of natlens has no SQLite, and so no history")
	errClosed      = errors.New("history: the writer is closed")
)

// Config configures a Writer. Only Dir is required.
type Config struct {
	Dir string // created with mode 0700 if it does not exist

	Keep    time.Duration // delete files whose last translation ended this long ago; 0: never
	MaxSize int64         // delete the oldest files beyond this many bytes in all; 0: never

	Namespace string              // name of the network namespace of events without a namespace number
	Names     *monitor.Namespaces // names of the numbered namespaces; nil: none

	Wanted monitor.Filter // log only these flows; nil: all

	// Note is called with a sentence for the user: writing starts to fail or works again, a
	// file cannot be read, or the clock jumped. The writer's goroutine calls it; it must not
	// block. nil: no notes.
	Note func(string)

	// The defaults of the other fields are good.
	Every       time.Duration // commit at least this often; 0: a second
	RowsPerFile int64         // rows of a file; 0: a million
	MaxPending  int           // closed translations in memory while they cannot be written; 0: 262,144
	Settle      time.Duration // how long after the start flows of the previous run may be seen again; 0: a minute
	Clock       Clock         // nil: SystemClock
}

func (c *Config) defaults() {
	c.Every, c.Settle = cmp.Or(c.Every, time.Second), cmp.Or(c.Settle, time.Minute)
	c.RowsPerFile, c.MaxPending = cmp.Or(c.RowsPerFile, 1_000_000), cmp.Or(c.MaxPending, 1<<18)
	if c.Note == nil {
		c.Note = func(string) {}
	}
	if c.Clock == nil {
		c.Clock = SystemClock()
	}
}

// name returns the name of a network namespace of this run.
func (c *Config) name(n monitor.NetNS) string {
	if n == 0 {
		return c.Namespace
	}
	if name := c.Names.Name(n); name != "" {
		return name
	}
	return fmt.Sprintf("netns-%d", n)
}

// Writer stores the translations of a stream of events. It is a [monitor.Sink]. Open it when
// capture is running: the time before counts as not captured.
//
// Its own goroutine writes to the disk. Write tracks the events in memory, and waits while
// MaxPending translations are not written yet. While the disk fails, Write does not wait: the
// writer keeps MaxPending translations, counts those that do not fit, and records them as a gap
// when the disk works again.
type Writer struct {
	cfg   Config
	lock  *sql.DB
	store *store        // belongs to commitLoop
	start time.Duration // by the steady clock

	mu      sync.Mutex
	moved   sync.Cond // signalled when pending was taken or the fault changed
	tracker *translation.Tracker
	pending translation.Changes
	held    int             // closed translations in a failed commit
	unkept  translation.Gap // closed translations that did not fit; Count 0: none
	stale   bool            // table open must be rewritten from the tracker
	renames uint64          // renames of network namespaces that pending contains
	fault   error           // of the last commit
	closing bool
	stats   Stats

	wake  chan struct{}
	sync  chan chan error // each gets the result of a commit
	ended chan struct{}
}

// Stats are the counters of a Writer.
type Stats struct {
	Open    int    // translations that are open
	Rows    uint64 // closed translations that this writer committed
	Pending int    // closed translations that are not committed yet
	Unkept  uint64 // closed translations dropped because the disk failed for too long
	Bytes   int64  // of all files
}

// NewWriter opens the history for writing, and creates it if it does not exist. It returns
// ErrLocked if another writer is running. Open translations of the previous run are resumed,
// see [Config].Settle.
func NewWriter(cfg Config) (*Writer, error) {
	if !Supported {
		return nil, ErrUnsupported
	}
	cfg.defaults()
	err := os.MkdirAll(cfg.Dir, 0o700)
	if err == nil {
		err = checkDir(cfg.Dir, true)
	}
	if err != nil {
		return nil, err
	}
	w := &Writer{cfg: cfg, wake: make(chan struct{}, 1), sync: make(chan chan error), ended: make(chan struct{})}
	w.moved.L = &w.mu
	_, w.start = cfg.Clock()
	if w.lock, err = lockDir(cfg.Dir); err != nil {
		return nil, err
	}
	if w.store, err = openStore(&w.cfg); err != nil {
		return nil, errors.Join(err, w.lock.Close())
	}
	w.tracker = translation.NewTracker(translation.TrackerConfig{
		Name: w.cfg.name, Wanted: cfg.Wanted, Last: uint64(w.store.state.lastFlow), Previous: w.store.previous,
	})
	w.stats.Bytes = w.store.size()
	go w.commitLoop()
	return w, nil
}

// Write tracks the events of the batch. It fails only after Close.
func (w *Writer) Write(b *monitor.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.pending.Closed) >= w.cfg.MaxPending && w.fault == nil && !w.closing {
		w.kick()
		w.moved.Wait()
	}
	if w.closing {
		return errClosed
	}
	w.tracker.Apply(b, &w.pending)
	w.limitLocked()
	return nil
}

// maxGaps is the maximum number of gaps in memory while they cannot be written.
const maxGaps = 4096

// limitLocked limits pending changes to MaxPending while the disk fails.
func (w *Writer) limitLocked() {
	if w.fault == nil {
		return
	}
	most := max(w.cfg.MaxPending-w.held, 0)
	if over := len(w.pending.Closed) - most; over > 0 {
		lost := w.pending.Closed[most:]
		for i := range lost {
			w.unkept.Include(&lost[i])
		}
		w.stats.Unkept += uint64(over)
		w.stale = true // their rows in table open must be removed
		w.pending.Closed = w.pending.Closed[:most]
	}
	if len(w.pending.Opened) > w.cfg.MaxPending {
		w.pending.Opened, w.stale = w.pending.Opened[:0], true
	}
	w.pending.Gaps = translation.JoinGaps(w.pending.Gaps, maxGaps)
}

func (w *Writer) kick() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Sync waits until everything written so far is committed. It returns the error of that commit.
func (w *Writer) Sync() error {
	done := make(chan error)
	select {
	case w.sync <- done:
		return <-done
	case <-w.ended:
		return errClosed
	}
}

// Trouble returns why the history cannot be written now, or "".
func (w *Writer) Trouble() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == nil {
		return ""
	}
	why := strings.ReplaceAll(w.fault.Error(), "\n", "; ")
	return fmt.Sprintf("history %s: %s; translations are held in memory until it can be written", w.cfg.Dir, why)
}

// Stats returns the current counters.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Open, s.Pending = w.tracker.Len(), w.held+len(w.pending.Closed)
	return s
}

// Close commits pending changes and releases the directory. Open translations stay open on
// disk. The error says what could not be written.
func (w *Writer) Close() error {
	w.mu.Lock()
	if w.closing {
		w.mu.Unlock()
		<-w.ended
		return nil
	}
	w.closing = true
	w.moved.Broadcast()
	w.mu.Unlock()
	w.kick()
	<-w.ended
	err := w.fault
	if err != nil {
		n := uint64(w.held+len(w.pending.Closed)) + w.unkept.Count
		err = fmt.Errorf("%w; %d translations were not written", err, n)
	}
	return errors.Join(err, w.store.close(), w.lock.Close())
}
