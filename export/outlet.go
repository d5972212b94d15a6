package export

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// ErrUnread says that a program has ended because nobody read its output.
var ErrUnread = errors.New("nobody reads the output: the rest of it is dropped")

const (
	// partSize is how much is written at once: a reader that takes so much within
	// stuckTime is not stuck.
	partSize = 16 << 10

	// stuckTime is for how long an output may take nothing after the end of the context.
	stuckTime = time.Second
)

// Outlet is standard output or standard error, if another program or a terminal reads
// it. Writing does not hold up the end of the program: Once the context has ended, and
// nothing more is read for a second, what waits is dropped and Write returns ErrUnread.
type Outlet struct {
	file *os.File // not embedded: its other methods would write past the outlet
	ctx  context.Context

	mu      sync.Mutex
	changed sync.Cond
	room    int    // bytes that may wait behind a Write that has returned
	waiting []byte // not yet being written
	spare   []byte // a buffer that was written
	writing bool   // run is running
	written uint64 // parts
	err     error  // of the file, or ErrUnread
}

// NewOutlet returns an outlet that a write to w goes through, or w itself if it is no
// file, a regular one or /dev/null. ctx is the program's.
func NewOutlet(ctx context.Context, w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if !ok {
		return w
	}
	info, err := f.Stat()
	if null, _ := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() || os.SameFile(info, null) {
		return w
	}
	o := &Outlet{file: f, ctx: ctx}
	o.changed.L = &o.mu
	return o
}

// Fd, Read and Close are those of the file: they make an outlet a terminal for others.

func (o *Outlet) Fd() uintptr                { return o.file.Fd() }
func (o *Outlet) Read(p []byte) (int, error) { return o.file.Read(p) }
func (o *Outlet) Close() error               { return o.file.Close() }

// SetRoom lets so many bytes wait: Write returns before they are written.
func (o *Outlet) SetRoom(bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.room = bytes
}

// Full reports whether the bytes that wait take half of the room: the reader is slower
// than the writer.
func (o *Outlet) Full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting) > o.room/2
}

// Write hands bytes over. It waits until they are written, or until they fit the room.
func (o *Outlet) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waitWhile(func() bool { return len(o.waiting) > 0 && len(o.waiting)+len(p) > o.room })
	if o.err != nil {
		return 0, o.err
	}
	o.waiting = append(o.waiting, p...)
	if !o.writing && len(p) > 0 {
		o.writing = true
		go o.run()
	}
	if o.room == 0 {
		o.waitWhile(o.busy)
		return len(p), o.err
	}
	return len(p), nil
}

// Flush waits until everything is written.
func (o *Outlet) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waitWhile(o.busy)
	return o.err
}

// FlushFor is Flush for a limited time.
func (o *Outlet) FlushFor(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	late := false
	defer time.AfterFunc(d, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		late = true
		o.changed.Broadcast()
	}).Stop()
	o.waitWhile(func() bool { return !late && o.busy() })
}

// waitWhile waits for the end of a condition, or for an error.
func (o *Outlet) waitWhile(condition func() bool) {
	for o.err == nil && condition() {
		o.changed.Wait()
	}
}

// busy is for a caller that holds mu, like waitWhile.
func (o *Outlet) busy() bool { return o.writing || len(o.waiting) > 0 }

func (o *Outlet) run() {
	defer context.AfterFunc(o.ctx, o.giveUp)()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil && len(o.waiting) > 0 {
		b := o.waiting
		o.waiting, o.spare = o.spare[:0], nil
		for rest := b; len(rest) > 0 && o.err == nil; {
			part := rest[:min(len(rest), partSize)]
			rest = rest[len(part):]
			o.mu.Unlock()
			_, err := o.file.Write(part)
			o.mu.Lock()
			o.written++
			if o.err == nil {
				o.err = err
			}
		}
		o.spare = b
		o.changed.Broadcast()
	}
	o.writing = false
	o.changed.Broadcast()
}

// giveUp drops what waits once nothing has been written for stuckTime. It ends when
// nothing waits.
func (o *Outlet) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil && o.busy() {
		before := o.written
		o.mu.Unlock()
		time.Sleep(stuckTime)
		o.mu.Lock()
		if before == o.written && o.busy() {
			o.err = ErrUnread
			o.changed.Broadcast()
		}
	}
}

// FileOf returns the file that a writer writes to, if it is one.
func FileOf(w io.Writer) (*os.File, bool) {
	if o, ok := w.(*Outlet); ok {
		return o.file, true
	}
	f, ok := w.(*os.File)
	return f, ok
}
