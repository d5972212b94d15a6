package export

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"natlens/export/pcapng"
	"natlens/export/text"
	"natlens/monitor"
)

// Part is what one file of a rotation is written to, such as a [File].
type Part interface {
	io.WriteCloser
	Size() int64 // bytes in the file so far

	// Room returns nil if nothing waits for space on the disk, or if there is space
	// now.
	Room() error
}

// RotationOptions say where a recording goes and when its next file begins.
type RotationOptions struct {
	// Path is the recording. With Size or Every, the name of each file has the time of
	// its first event in UTC: flows.pcapng becomes flows-20261122T061201Z.pcapng.
	Path string

	Size  int64         // begin the next file when one has so many bytes; 0: never
	Every time.Duration // begin the next file so long after the first event of a file; 0: never
	Keep  int           // with each new file delete the oldest beyond so many, also those of earlier runs; 0: never

	Open    func(path string) (Part, error) // creates a file; after fs.ErrExist another name is tried
	Capture pcapng.Options
	Sink    func(io.Writer) monitor.Sink // what is written to a file; nil: pcapng. It does not split a batch
	Now     func() time.Time             // for events without a time; nil: time.Now
	Notes   io.Writer                    // gets a line when the disk is full, and when it has space again; nil: none
}

// Rotation is a sink of files that follow each other. Each is a recording by itself.
// A batch is never split.
//
// A full disk does not end it. The stream continues and its events are counted. Once there
// is space the recording continues with an event of KindLost:
//
//	batch ─▶ no space ─▶ kept in memory ─▶ (batches are counted) ─▶ space: the kept batch, lost, batch
//
// So no earlier event is lost, and at most one batch is kept.
type Rotation struct {
	o       RotationOptions
	part    Part // nil: the next batch opens one
	sink    monitor.Sink
	locals  *monitor.Locals
	pending atomic.Pointer[monitor.Locals] // new addresses, until the next Write
	until   monitor.Time                   // when the next file begins
	written uint64                         // by files that are closed
	name    string                         // of the file at hand, without its ending
	missed  uint64                         // events that are not in the recording: see Missing
	err     error

	full    error     // the disk is full; nil: it is not
	tried   time.Time // when there was no space the last time
	gone    Dropped   // what is missing since
	waiting uint64    // events of the batch that is kept in memory
}

// NewRotation opens the file of a recording that does not rotate. Files of one that does
// are opened with their first batch.
func NewRotation(o RotationOptions) (*Rotation, error) {
	r := &Rotation{o: o}
	if r.o.Now == nil {
		r.o.Now = time.Now
	}
	if r.o.Sink == nil {
		r.o.Sink = func(w io.Writer) monitor.Sink { return pcapng.NewWriter(w, o.Capture) }
	}
	if r.o.Notes == nil {
		r.o.Notes = io.Discard
	}
	if !r.rotates() {
		if err := r.open(0); err != nil {
			return nil, err
		}
		return r, nil
	}
	// Report now what would fail at the first event.
	info, err := os.Stat(r.o.Path)
	if _, name := filepath.Split(r.o.Path); name == "" || err == nil && info.IsDir() {
		return nil, &createError{r.o.Path + " is a directory", syscall.EISDIR}
	}
	return r, nil
}

func (r *Rotation) rotates() bool { return r.o.Size > 0 || r.o.Every > 0 }

// Locals records the host's addresses before the next batch, and at the beginning of each
// file. It may be called from any goroutine.
func (r *Rotation) Locals(l *monitor.Locals) { r.pending.Store(l) }

// Write writes the batch to the file at hand or to the next one.
func (r *Rotation) Write(b *monitor.Batch) error {
	if r.err != nil {
		return r.err
	}
	if r.full != nil && !r.resume(b) {
		r.missed += r.gone.Add(b)
		return r.err
	}
	err := r.write(b)
	wrote := err == nil
	if wrote {
		err = r.part.Room()
	}
	if !r.failed(err) || r.err != nil {
		return r.err
	}
	r.full, r.tried = err, r.o.Now()
	if n := r.gone.Add(b); wrote {
		r.waiting, r.gone.Gap = n, monitor.Gap{}
	} else {
		r.missed += n
	}
	words := err.Error()
	if w, ok := errors.AsType[*WriteError](err); ok {
		words = fmt.Sprintf("output file %s: %v; it keeps all up to byte %d", w.Path, w.Err, w.Kept)
	}
	text.Note(r.o.Notes, "natlens: "+words+"; events are not recorded until there is space")
	return nil
}

// failed reports whether there is an error. One other than a full disk ends the recording.
func (r *Rotation) failed(err error) bool {
	if !noRoom(err) {
		r.err = err
	}
	return err != nil
}

// Missing returns how many events are not in the recording because the disk was full,
// including those that wait for space.
func (r *Rotation) Missing() uint64 { return r.missed + r.waiting }

// Dropped are events that a sink did not write. It writes their gap in their place.
type Dropped struct {
	Gap monitor.Gap
	Seq uint64 // of the last one
}

// Add adds a batch, and returns its number of events, without those that were lost before.
func (d *Dropped) Add(b *monitor.Batch) (events uint64) {
	for i := range b.Events {
		e := &b.Events[i]
		if d.Gap.From == 0 {
			d.Gap.From = e.Time
		}
		d.Gap.To, d.Seq = max(d.Gap.To, e.Time), e.Seq
		switch {
		case e.Kind == monitor.KindLost && e.Gap != nil:
			d.Gap.Count += e.Gap.Count
			d.Gap.Uncertain = d.Gap.Uncertain || e.Gap.Uncertain
		case e.Kind.HasFlow():
			events++
		}
	}
	d.Gap.Count += events
	return events
}

// retryEvery is how often a full disk is tried again at most.
const retryEvery = 200 * time.Millisecond

// resume tries to continue after a full disk, with a record of what is missing. b is the
// first batch behind the gap, nil at the end of the recording. It returns false while there
// is no space, or with r.err set.
func (r *Rotation) resume(b *monitor.Batch) bool {
	now := r.o.Now()
	if b != nil && now.Sub(r.tried) < retryEvery {
		return false
	}
	r.tried = now
	if r.part != nil && r.failed(r.part.Room()) {
		return false
	}
	r.waiting = 0
	var lost monitor.Batch
	e := lost.Add()
	e.Kind, e.Seq = monitor.KindLost, r.gone.Seq
	e.Time, e.TimeSource = monitor.Time(now.UnixNano()), monitor.TimeReceived
	if b != nil && b.Events[0].Time != 0 {
		e.Time, e.TimeSource = b.Events[0].Time, b.Events[0].TimeSource
	}
	e.Gap = &r.gone.Gap
	e.Gap.To = max(e.Gap.From, e.Time)
	if r.gone.Gap.Count > 0 {
		if r.failed(r.write(&lost)) {
			return false
		}
		if err := r.part.Room(); r.failed(err) {
			r.full, r.gone.Gap = err, monitor.Gap{} // the record is kept in memory
			return false
		}
	}
	text.Note(r.o.Notes, fmt.Sprintf("natlens: there is space again: %s, as the recording says", text.GapText(e,
		time.Local)))
	r.full, r.gone.Gap = nil, monitor.Gap{}
	return true
}

// write returns an error of a full disk only if it wrote nothing of the batch.
func (r *Rotation) write(b *monitor.Batch) error {
	at := monitor.Time(r.o.Now().UnixNano())
	if i := slices.IndexFunc(b.Events, func(e monitor.Event) bool { return e.Time != 0 }); i >= 0 {
		at = b.Events[i].Time
	}
	// The time of the file at hand is also over if the clock was put back by more than that.
	due := r.o.Every > 0 && (at >= r.until || r.until-at > 2*monitor.Time(r.o.Every))
	if r.part != nil && (due || r.o.Size > 0 && r.part.Size() >= r.o.Size) {
		if err := r.end(false); err != nil {
			return err
		}
	}
	if r.part == nil {
		if err := r.open(at); err != nil {
			return err
		}
	}
	if l := r.pending.Swap(nil); l != nil {
		r.locals = l
		r.writeLocals()
	}
	return r.sink.Write(b)
}

// writeLocals writes the addresses into the file, if its format has them.
func (r *Rotation) writeLocals() {
	if sink, ok := r.sink.(interface{ Locals(*monitor.Locals) }); ok {
		sink.Locals(r.locals)
	}
}

func (r *Rotation) open(at monitor.Time) (err error) {
	if r.part, err = r.create(at); err != nil {
		return err
	}
	r.sink = r.o.Sink(r.part)
	r.writeLocals()
	r.until = at + monitor.Time(r.o.Every)
	if r.o.Keep > 0 && r.rotates() {
		return r.prune()
	}
	return nil
}

// Written returns how many bytes are in all files.
func (r *Rotation) Written() uint64 {
	if r.part == nil {
		return r.written
	}
	return r.written + uint64(r.part.Size())
}

// Close ends the file at hand.
func (r *Rotation) Close() error {
	var missed error
	if r.err == nil && r.full != nil && !r.resume(nil) {
		missed = fmt.Errorf("%w; %d events are not in the recording", r.full, r.Missing())
	}
	if r.part == nil {
		return errors.Join(missed, r.err)
	}
	return errors.Join(missed, r.err, r.end(true))
}

// end ends the file at hand. On a full disk it must be called again, unless it must end now.
func (r *Rotation) end(now bool) error {
	err := r.sink.Close()
	if full := r.part.Room(); !now && err == nil && noRoom(full) {
		return full
	}
	if r.err != nil {
		err = nil // the sink returned it again
	}
	err = errors.Join(err, r.part.Close())
	r.written += uint64(r.part.Size())
	r.part = nil
	return err
}
