package export

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"natlens/export/text"
	"natlens/monitor"
)

// Part is one output file of a rotation, such as a [File].
type Part interface {
	io.WriteCloser
	Size() int64 // bytes in the file so far

	// Room returns nil if the file contains everything that was written. Otherwise it tries
	// again to write the rest, and returns an error if there is still no space on the disk.
	Room() error

	Moved() bool // its path names another file now, or none
}

// RotationOptions are where a recording is written and when its next file begins. Path and
// Open are required.
type RotationOptions struct {
	// Path is the file of the recording. With Size or Every, the name of each file contains the
	// time of its first event in UTC: flows.pcapng becomes flows-20261122T061201Z.pcapng.
	Path string

	Size  int64         // begin the next file when one has this many bytes; 0: never
	Every time.Duration // begin the next file this long after the first event of a file; 0: never
	Keep  int           // maximum number of files: a new one deletes the oldest, also of other runs; 0: no limit

	Open    func(path string) (Part, error) // creates a file; after fs.ErrExist the rotation tries another name
	Format  string                          // one of Formats; "": pcapng
	Options Options                         // of the format, without Continued
	Now     func() time.Time                // for events without a time; nil: time.Now
	Notes   io.Writer                       // gets a line when the disk is full, and when it has space again; nil: none
}

// Rotation is a sink that writes a sequence of files. Each file is a complete recording, and
// no batch is split between files.
//
// A full disk does not end the recording. Rotation counts the events that it can't write. When
// there is space again, it continues with an event of KindLost:
//
//	batch ─▶ no space ─▶ kept in memory ─▶ (batches are counted) ─▶ space: the kept batch, lost, batch
//
// So it loses no event from before the gap, and keeps at most one batch in memory.
type Rotation struct {
	o       RotationOptions
	part    Part // nil: the next batch opens a file
	sink    monitor.Sink
	locals  *monitor.Locals
	pending atomic.Pointer[monitor.Locals] // new addresses, until the next Write
	until   monitor.Time                   // when the next file begins
	written uint64                         // bytes written to files that are closed
	began   int64                          // size of the current file when it was opened
	reopen  atomic.Bool                    // see Reopen
	name    string                         // of the current file, without its extension
	missed  uint64                         // events that are not in the recording: see Missing
	err     error

	full    error     // the disk is full; nil: it is not
	tried   time.Time // when the last attempt found no space
	gone    Dropped   // what is missing since then
	waiting uint64    // events of the batch that is kept in memory
}

// NewRotation returns a Rotation, to be closed with Close. Without Size and Every it opens the
// file at once; otherwise each file is opened with its first batch.
func NewRotation(o RotationOptions) (*Rotation, error) {
	r := &Rotation{o: o}
	if r.o.Now == nil {
		r.o.Now = time.Now
	}
	r.o.Format = cmp.Or(o.Format, "pcapng")
	r.o.Notes = cmp.Or(o.Notes, io.Discard)
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

// Locals sets the host's addresses, which Rotation records before the next batch and at the
// beginning of each file. It may be called from any goroutine, and l must not change afterwards.
func (r *Rotation) Locals(l *monitor.Locals) { r.pending.Store(l) }

// Write writes the batch to the current file or to a new one. It returns nil while the disk is
// full. Any other error ends the recording, and each later Write returns it.
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

// failed reports whether err is an error. Any error other than a full disk ends the recording.
func (r *Rotation) failed(err error) bool {
	if !noRoom(err) {
		r.err = err
	}
	return err != nil
}

// Missing returns how many events are not in the recording because the disk was full,
// including those in memory that wait for space.
func (r *Rotation) Missing() uint64 { return r.missed + r.waiting }

// Dropped counts the events that a sink did not write. The sink writes Gap in their place. The
// zero value has none.
type Dropped struct {
	Gap monitor.Gap
	Seq uint64 // of the last event
}

// Add adds a batch, and returns its number of events with a flow. Gap.Count also includes the
// events that the batch reports as lost.
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

// retryEvery is the shortest time between two attempts to write to a full disk.
const retryEvery = 200 * time.Millisecond

// resume tries to continue after a full disk, with an event of KindLost. b is the first batch
// after the gap; nil: the recording ends. It returns false if there is no space, or if another
// error ended the recording (r.err).
func (r *Rotation) resume(b *monitor.Batch) bool {
	now := r.o.Now()
	if wait := now.Sub(r.tried); b != nil && 0 <= wait && wait < retryEvery { // the clock may be set back
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

// write writes the batch to the current file or begins the next one. It returns the error of a
// full disk only if it wrote nothing of the batch.
func (r *Rotation) write(b *monitor.Batch) error {
	at := monitor.Time(r.o.Now().UnixNano())
	if i := slices.IndexFunc(b.Events, func(e monitor.Event) bool { return e.Time != 0 }); i >= 0 {
		at = b.Events[i].Time
	}
	// If the clock was set back by more than Every, until is too far ahead: begin the next file too.
	due := r.o.Every > 0 && (at >= r.until || r.until-at > 2*monitor.Time(r.o.Every))
	if r.reopen.Swap(false) && r.part != nil {
		due = due || r.rotates() || r.part.Moved()
	}
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

// writeLocals writes the host's addresses to the current file, if its format has them.
func (r *Rotation) writeLocals() {
	if sink, ok := r.sink.(interface{ Locals(*monitor.Locals) }); ok {
		sink.Locals(r.locals)
	}
}

func (r *Rotation) open(at monitor.Time) (err error) {
	if r.part, err = r.create(at); err != nil {
		return err
	}
	r.began = r.part.Size()
	r.o.Options.Continued = r.began > 0
	if r.sink, err = New(r.o.Format, r.part, r.o.Options); err != nil {
		err = errors.Join(err, r.part.Close())
		r.part = nil
		return err
	}
	r.writeLocals()
	r.until = at + monitor.Time(r.o.Every)
	if r.o.Keep > 0 && r.rotates() {
		return r.prune()
	}
	return nil
}

// Written returns how many bytes this Rotation wrote to all its files.
func (r *Rotation) Written() uint64 {
	if r.part == nil {
		return r.written
	}
	return r.written + uint64(r.part.Size()-r.began)
}

// Reopen begins the next file before the next batch. Without Size and Every it opens Path again if another program has
// moved the file away. It may be called from any goroutine.
func (r *Rotation) Reopen() { r.reopen.Store(true) }

// Finding writes a finding to the current file. Without a file, or if its format has no findings, it writes a note.
func (r *Rotation) Finding(f *monitor.Finding) error {
	if sink, ok := r.sink.(monitor.FindingSink); ok && r.part != nil && r.full == nil && r.err == nil {
		return sink.Finding(f)
	}
	return FindingNotes{r.o.Notes}.Finding(f)
}

// Close tries once more to write what waits for space, and closes the current file. It returns
// the error that ended the recording. If the disk is still full, the error has the number of
// missing events.
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

// end closes the current file. If the disk is full and now is false, it returns the error and
// leaves the file open, so that it can be called again. If now is true, it always closes it.
func (r *Rotation) end(now bool) error {
	err := r.sink.Close()
	if full := r.part.Room(); !now && err == nil && noRoom(full) {
		return full
	}
	if r.err != nil {
		err = nil // the sink returned it again
	}
	err = errors.Join(err, r.part.Close())
	r.written += uint64(r.part.Size() - r.began)
	r.part = nil
	return err
}
