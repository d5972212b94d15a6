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

// Part is what one file of a rotation is written to. [File] is one.
type Part interface {
	io.WriteCloser
	Size() int64 // bytes in the file so far

	// Room returns nil if nothing waits for room on the disk, or if there is
	// some now; Flush does the same after bringing all to the file.
	Room() error
	Flush() error
}

// RotationOptions say where a recording goes and when its next file begins.
type RotationOptions struct {
	// Path is the recording. With Size or Every, each file has the time of its
	// first event (UTC) in its name: flows.pcapng becomes
	// flows-20261122T061201Z.pcapng.
	Path string

	Size  int64         // begin the next file when one has so many bytes; 0: never
	Every time.Duration // begin the next file with the first event so long after a file's first; 0: never

	// Keep is how many files to keep: with each new one, the oldest of that
	// name are deleted, those of earlier runs too. 0: all.
	Keep int

	Open    func(path string) (Part, error) // makes a file; fs.ErrExist has another name tried
	Capture pcapng.Options
	Now     func() time.Time // for events whose time is not known; nil: time.Now
	Notes   io.Writer        // told when the disk is full, and when it is no more; nil: nobody
}

// Rotation is a sink of pcapng files that follow each other. Each is a recording
// by itself. A batch is never split between two.
//
// A full disk does not end it: see outage.
type Rotation struct {
	o       RotationOptions
	part    Part
	sink    *pcapng.Writer
	locals  *monitor.Locals
	told    atomic.Pointer[monitor.Locals] // the latest addresses, until a Write takes them
	until   monitor.Time                   // when the next file begins
	written uint64                         // by files that are closed
	name    string                         // of the file at hand, without its ending
	missed  uint64                         // events that are not in the recording: see Missing
	ending  bool                           // the file at hand has its end already, and waits for room
	out     outage
	err     error
}

// NewRotation opens the first file of a recording that does not rotate; the files
// of one that does are opened with their first batch.
func NewRotation(o RotationOptions) (*Rotation, error) {
	r := &Rotation{o: o}
	if r.o.Now == nil {
		r.o.Now = time.Now
	}
	if r.o.Notes == nil {
		r.o.Notes = io.Discard
	}
	if r.rotates() {
		return r, r.named()
	}
	if err := r.open(0); err != nil {
		return nil, err
	}
	return r, nil
}

// named refuses a path that is no file's name: none would be made before the first
// event, and then beside the directory.
func (r *Rotation) named() error {
	info, err := os.Stat(r.o.Path)
	if _, name := filepath.Split(r.o.Path); name == "" || err == nil && info.IsDir() {
		return &createError{r.o.Path + " is a directory", syscall.EISDIR}
	}
	return nil
}

func (r *Rotation) rotates() bool { return r.o.Size > 0 || r.o.Every > 0 }

// Locals has the host's addresses written down before the next batch, and at the
// beginning of each file. It may be called from any goroutine.
func (r *Rotation) Locals(l *monitor.Locals) { r.told.Store(l) }

// Write writes the batch to the file at hand, or begins the next one with it.
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

// write returns an error of noRoom if it wrote nothing of the batch.
func (r *Rotation) write(b *monitor.Batch) error {
	at := r.begins(b)
	if r.part != nil && (r.ending || r.o.Size > 0 && r.part.Size() >= r.o.Size || r.o.Every > 0 && r.due(at)) {
		if err := r.end(); err != nil {
			return err
		}
	}
	if r.part == nil {
		if err := r.open(at); err != nil {
			return err
		}
	}
	if l := r.told.Swap(nil); l != nil {
		r.locals = l
		r.sink.Locals(l)
	}
	return r.sink.Write(b)
}

// due reports whether a batch of that time begins the next file: the time of the one
// at hand is over, or the clock was put back by more than that.
func (r *Rotation) due(at monitor.Time) bool {
	return at >= r.until || r.until-at > 2*monitor.Time(r.o.Every)
}

// begins is the time of the batch's first event.
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

// nameTime is how the time of a file's first event stands in its name.
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

// splitName splits a path before its endings: flows and .pcapng.gz.
func splitName(path string) (stem, ext string) {
	dir, name := filepath.Split(path)
	if i := strings.IndexByte(name[1:], '.'); len(name) > 1 && i >= 0 {
		return dir + name[:i+1], name[i+1:]
	}
	return path, ""
}

// prune deletes the oldest files of the recording's name beyond Keep. Names sort
// as their times do. Only names that create could have made are touched, and not the
// file at hand: where the clock was put back, or stands at 1970 after a start, that
// is the oldest.
func (r *Rotation) prune() error {
	stem, ext := splitName(r.o.Path)
	ours := regexp.MustCompile(`^` + regexp.QuoteMeta(filepath.Base(stem)) + `-\d{8}T\d{6}Z(-\d{3})?` + regexp.QuoteMeta(ext) + `$`)
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

// Written returns the bytes of all files.
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
	return errors.Join(missed, r.err, r.endNow())
}

// end ends the file at hand. On an error of noRoom it is to be called again.
func (r *Rotation) end() error {
	if !r.ending {
		if err := r.sink.Close(); err != nil {
			return err
		}
		r.ending = true
	}
	if err := r.part.Flush(); noRoom(err) {
		return err
	}
	return r.endNow()
}

// endNow ends the file at hand, whether there is room or not.
func (r *Rotation) endNow() error {
	var err error
	if !r.ending {
		err = r.sink.Close()
	}
	if r.err != nil {
		err = nil // the sink tells it once more
	}
	err = errors.Join(err, r.part.Close())
	r.written += uint64(r.part.Size())
	r.part, r.ending = nil, false
	return err
}
