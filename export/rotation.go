package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"natlens/export/pcapng"
	"natlens/monitor"
)

// Part is what one file of a rotation is written to, such as a [File].
type Part interface {
	io.WriteCloser
	Size() int64 // bytes in the file so far

	// Room returns nil if nothing waits for space on the disk, or if there is space
	// now. Flush writes what is buffered first.
	Room() error
	Flush() error
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
	Now     func() time.Time // for events without a time; nil: time.Now
	Notes   io.Writer        // gets a line when the disk is full, and when it has space again; nil: none
}

// Rotation is a sink of pcapng files that follow each other. Each is a recording by itself.
// A batch is never split. A full disk does not end it: see outage.
type Rotation struct {
	o       RotationOptions
	part    Part // nil: the next batch opens one
	sink    *pcapng.Writer
	locals  *monitor.Locals
	pending atomic.Pointer[monitor.Locals] // new addresses, until the next Write
	until   monitor.Time                   // when the next file begins
	written uint64                         // by files that are closed
	name    string                         // of the file at hand, without its ending
	missed  uint64                         // events that are not in the recording: see Missing
	out     outage
	err     error
}

// NewRotation opens the file of a recording that does not rotate. Files of one that does
// are opened with their first batch.
func NewRotation(o RotationOptions) (*Rotation, error) {
	r := &Rotation{o: o}
	if r.o.Now == nil {
		r.o.Now = time.Now
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
	switch {
	case r.err != nil:
	case r.out.why != nil && !r.again(b):
		r.missed += r.out.miss(b)
	default:
		r.err = r.pause(r.write(b), b)
	}
	return r.err
}

// write returns an error of a full disk only if it wrote nothing of the batch.
func (r *Rotation) write(b *monitor.Batch) error {
	at := r.begins(b)
	if r.part != nil && (r.o.Size > 0 && r.part.Size() >= r.o.Size || r.o.Every > 0 && r.due(at)) {
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
		r.sink.Locals(l)
	}
	return r.sink.Write(b)
}

// due reports whether a batch of that time begins the next file: the time of the file at
// hand is over, or the clock was put back by more than that.
func (r *Rotation) due(at monitor.Time) bool {
	return at >= r.until || r.until-at > 2*monitor.Time(r.o.Every)
}

// begins returns the time of the first event of the batch.
func (r *Rotation) begins(b *monitor.Batch) monitor.Time {
	for i := range b.Events {
		if at := b.Events[i].Time; at != 0 {
			return at
		}
	}
	return monitor.Time(r.o.Now().UnixNano())
}

// open begins a file.
func (r *Rotation) open(at monitor.Time) (err error) {
	if r.part, err = r.create(at); err != nil {
		return err
	}
	r.sink = pcapng.NewWriter(r.part, r.o.Capture)
	r.sink.Locals(r.locals)
	r.until = at + monitor.Time(r.o.Every)
	if r.o.Keep > 0 && r.rotates() {
		return r.prune()
	}
	return nil
}

// nameTime is the form of the time in the name of a file.
const nameTime = "20060102T150405Z"

func (r *Rotation) create(at monitor.Time) (Part, error) {
	if !r.rotates() {
		return r.o.Open(r.o.Path)
	}
	stem, ext := splitName(r.o.Path)
	for n := 1; ; n++ {
		path := stem + "-" + at.Time().Format(nameTime)
		if n > 1 { // within one second
			path += fmt.Sprintf("-%03d", n)
		}
		part, err := r.o.Open(path + ext)
		if !errors.Is(err, fs.ErrExist) || n == 999 {
			r.name = filepath.Base(path)
			return part, err
		}
	}
}

// splitName splits a path before its endings: flows, .pcapng.gz.
func splitName(path string) (stem, ext string) {
	dir, name := filepath.Split(path)
	if i := strings.IndexByte(name[1:], '.'); len(name) > 1 && i >= 0 {
		return dir + name[:i+1], name[i+1:]
	}
	return path, ""
}

// prune deletes the oldest files of the recording beyond Keep. Names sort like their
// times. It touches only names that create could have made, and never the file at hand,
// which is the oldest if the clock was put back.
func (r *Rotation) prune() error {
	stem, ext := splitName(r.o.Path)
	ours := regexp.MustCompile(`^` + regexp.QuoteMeta(filepath.Base(stem)) + `-\d{8}T\d{6}Z(-\d{3})?` +
		regexp.QuoteMeta(ext) + `$`)
	dir := filepath.Dir(stem)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("prune recordings: %w", err)
	}
	var names []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ext)
		if ours.MatchString(e.Name()) && e.Type().IsRegular() && name != r.name {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for len(names) > r.o.Keep-1 {
		if err := os.Remove(filepath.Join(dir, names[0]+ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("prune recordings: %w", err)
		}
		names = names[1:]
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
	if r.err == nil && r.out.why != nil && !r.again(nil) {
		missed = fmt.Errorf("%w; %d events are not in the recording", r.out.why, r.Missing())
	}
	if r.part == nil {
		return errors.Join(missed, r.err)
	}
	return errors.Join(missed, r.err, r.end(true))
}

// end ends the file at hand. On a full disk it must be called again, unless it must end now.
func (r *Rotation) end(now bool) error {
	err := r.sink.Close()
	if full := r.part.Flush(); !now && err == nil && noRoom(full) {
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
