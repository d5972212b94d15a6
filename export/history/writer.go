package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"natlens/monitor"
)

// Errors to branch on.
var (
	ErrLocked      = errors.New("another process writes this history")
	ErrUnsupported = errors.New("there is no SQLite for this platform: no history")
	errClosed      = errors.New("history: the writer is closed")
)

// Config sets a Writer up. Only Dir must be set.
type Config struct {
	Dir string // made, for its owner alone, if it is not there

	Keep    time.Duration // delete segments whose last flow ended so long ago; 0: never
	MaxSize int64         // delete the oldest segments beyond so many bytes in all; 0: never

	All       bool   // log flows that NAT leaves alone as well
	Namespace string // name of the network namespace of events without a number of one

	// Names knows the names of numbered network namespaces. nil: there are none.
	Names *monitor.Namespaces

	// Fault is called when writing begins to fail, a full disk for instance, and
	// with nil when it goes on again. It is called from the writer's own
	// goroutine and must not block.
	Fault func(error)

	// The rest has good defaults.
	Every        time.Duration // commit at least so often; 0: a second
	SegmentRows  int64         // rows of a segment; 0: a million
	SegmentEvery time.Duration // age of a segment; 0: an hour, and a day for long lives
	MaxPending   int           // translations held in memory while they can't be written; 0: 262,144
	Settle       time.Duration // how long after the start flows of before may show that they live; 0: a minute

	now   func() monitor.Time
	names func(monitor.NetNS) string // of any number, also a foreign one

	foreign foreignNames
}

func (c *Config) defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&c.Every, time.Second)
	set(&c.Settle, time.Minute)
	if c.SegmentRows <= 0 {
		c.SegmentRows = 1_000_000
	}
	if c.MaxPending <= 0 {
		c.MaxPending = 1 << 18
	}
	if c.Fault == nil {
		c.Fault = func(error) {}
	}
	if c.now == nil {
		c.now = monitor.Now
	}
	foreign := foreignNames{}
	c.foreign = foreign
	c.names = func(n monitor.NetNS) string {
		if n == 0 {
			return c.Namespace
		}
		if name, ok := foreign[n]; ok {
			return name
		}
		if c.Names != nil {
			if name := c.Names.Name(n); name != "" {
				return name
			}
		}
		return fmt.Sprintf("netns-%d", n)
	}
}

// commitRows is how many closed flows are committed at once under load.
const commitRows = 16384

// Writer keeps the translations of a stream of events on disk. It is a
// [monitor.Sink]. Open it when capture has begun: the time until then counts as
// not watched.
//
// A goroutine of its own does the writing; Write only follows the events in
// memory, and waits when it is MaxPending translations ahead of the disk. When
// the disk fails it does not wait: it holds MaxPending translations, counts what
// does not fit, and tells of that by a gap once there is room again.
type Writer struct {
	cfg  Config
	lock *db
	disk *disk

	mu      sync.Mutex
	moved   sync.Cond // pending was taken, or a commit ended
	tracker *Tracker
	pending Changes
	held    int    // closed translations of a commit that failed, which are not in the segments
	unkept  Gap    // closed translations that did not fit; Count 0: none
	stale   bool   // the journal must be written anew
	wrote   uint64 // number of the last change, for Sync
	done    uint64 // number up to which all is committed
	tries   uint64 // commits that ended, well or not
	fault   error
	closing bool
	start   monitor.Time
	stats   Stats

	wake  chan struct{}
	ended chan struct{}
}

// Stats are a Writer's counters.
type Stats struct {
	Open     int    // translations that are open
	Rows     uint64 // closed translations committed by this writer
	Pending  int    // closed translations not committed yet
	Unkept   uint64 // closed translations that were not kept, because the disk failed for too long
	Segments int    // files
	Bytes    int64  // of all files
	Fault    error  // why writing fails right now; nil: it does not
}

// NewWriter opens the history for writing, and makes one if there is none. What
// the capture before left open is carried on if it shows that it lives, see
// [Config].Settle. The error is ErrLocked if there is a writer already.
func NewWriter(cfg Config) (*Writer, error) {
	if !Supported {
		return nil, ErrUnsupported
	}
	cfg.defaults()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	w := &Writer{cfg: cfg, wake: make(chan struct{}, 1), ended: make(chan struct{}), start: cfg.now()}
	w.moved.L = &w.mu
	w.tracker = NewTracker(TrackerConfig{All: cfg.All})
	w.tracker.before.names = w.cfg.names
	var err error
	if w.lock, err = lockDir(cfg.Dir); err != nil {
		return nil, err
	}
	if w.disk, err = openDisk(&w.cfg); err == nil {
		err = w.recover()
	}
	if err != nil {
		return nil, errors.Join(err, w.disk.close(), w.lock.close())
	}
	w.stats.Segments, w.stats.Bytes = w.disk.size()
	go w.commitLoop()
	return w, nil
}

// lockName is the file whose lock a writer holds for as long as it lives. It is
// SQLite's lock, which every platform has, and which ends with the process.
const lockName = "lock"

func lockDir(dir string) (*db, error) {
	path := filepath.Join(dir, lockName)
	d, err := createDB(path)
	if err != nil {
		return nil, err
	}
	// A reader looks at the lock for a moment.
	if err = d.exec("PRAGMA busy_timeout=500; BEGIN EXCLUSIVE"); err != nil {
		if busy(err) {
			err = fmt.Errorf("%s: %w", dir, ErrLocked)
		}
		d.close()
		return nil, err
	}
	return d, nil
}

// locked reports whether a writer is at work in the directory.
func locked(dir string) bool {
	path := filepath.Join(dir, lockName)
	d, err := openDB(path, path, openRead)
	if err != nil {
		return false
	}
	defer d.close()
	_, err = d.one("SELECT count(*) FROM sqlite_master")
	return busy(err)
}

// Write follows the events of the batch. It fails only after Close.
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
	w.wrote++
	w.bound()
	if len(w.pending.Closed) >= commitRows || len(w.pending.Opened) >= 4*commitRows {
		w.kick()
	}
	return nil
}

// bound keeps what is pending within MaxPending while the disk fails.
func (w *Writer) bound() {
	if w.fault == nil {
		return
	}
	most := max(w.cfg.MaxPending-w.held, 0)
	if over := len(w.pending.Closed) - most; over > 0 {
		lost := w.pending.Closed[most:]
		for i := range lost {
			w.unkept.include(&lost[i])
		}
		w.stats.Unkept += uint64(over)
		w.stale = true // they are not to stay open in the journal
		w.pending.Closed = w.pending.Closed[:most]
	}
	if len(w.pending.Opened) > w.cfg.MaxPending {
		w.pending.Opened, w.stale = w.pending.Opened[:0], true
	}
	if n := len(w.pending.Gaps); n > maxGaps {
		w.pending.Gaps = mergeGaps(w.pending.Gaps)
	}
}

// maxGaps is how many gaps are held in memory while they can't be written; more
// are joined.
const maxGaps = 4096

// mergeGaps joins gaps two and two.
func mergeGaps(gaps []Gap) []Gap {
	n := 0
	for i := 0; i < len(gaps); i += 2 {
		g := gaps[i]
		if i+1 < len(gaps) {
			next := gaps[i+1]
			g.From, g.To = min(g.From, next.From), max(g.To, next.To)
			g.Count += next.Count
			g.AtLeast = g.AtLeast || next.AtLeast || next.Cause != g.Cause
			g.opened = max(g.opened, next.opened)
			if g.NetNS != next.NetNS {
				g.NetNS = 0
			}
		}
		gaps[n] = g
		n++
	}
	return gaps[:n]
}

// include widens a gap to the life of a translation that could not be kept.
func (g *Gap) include(t *Translation) {
	if g.Count == 0 {
		*g = Gap{From: t.Start, Cause: Unwritten}
	}
	g.From, g.To = min(g.From, t.Start), max(g.To, t.End)
	g.Count++
}

func (w *Writer) kick() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Sync waits until all that was written so far is committed, or can't be: then it
// returns why.
func (w *Writer) Sync() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	upTo := w.wrote
	tries := w.tries
	for w.done < upTo {
		if w.fault != nil && w.tries > tries {
			return w.fault
		}
		if w.closing {
			return errClosed
		}
		w.kick()
		w.moved.Wait()
	}
	return nil
}

// Stats returns the counters as they stand.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Open, s.Pending, s.Fault = w.tracker.Len(), w.held+len(w.pending.Closed), w.fault
	return s
}

// Close commits what is pending and gives the directory free. What is open stays
// open on disk. The error says what could not be written.
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
	return errors.Join(err, w.disk.close(), w.lock.close())
}
