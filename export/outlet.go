package export

import (
	"bytes"
	"context"
	"io"
	"os"
	"sync"
	"time"

	"natlens/monitor/human"
)

// UnreadError means that the program ended while nothing read its output.
type UnreadError struct {
	Lines int // lines that were not handed over to the reader as a whole
}

func (e *UnreadError) Error() string {
	return "nobody reads the output: " + human.Plural(e.Lines, "line") + " not handed over"
}

const (
	// partSize is the size of one write: a pipe accepts this much as a whole or not at all (PIPE_BUF), so that the
	// lines of an UnreadError are exact. A reader that reads this much within stuckTime is not stuck.
	partSize = 4 << 10

	// stuckTime is how long, after the end of the context, an output may accept no data.
	stuckTime = 500 * time.Millisecond
)

// Outlet is standard output or standard error, if another program or a terminal reads it. A
// reader that is stuck does not prevent the end of the program: if nothing is read for half a second
// after the context has ended, the waiting data is dropped and Write returns an UnreadError.
type Outlet struct {
	file *os.File // not embedded, because its other methods would bypass the outlet
	ctx  context.Context

	mu      sync.Mutex
	changed sync.Cond
	room    int    // maximum number of waiting bytes when Write returns
	waiting []byte // not being written yet
	rest    []byte // being written: what the file has not accepted yet
	spare   []byte // a buffer that was written
	writing bool   // run is running
	written uint64 // number of parts
	err     error  // of the file, or an UnreadError
}

// NewOutlet returns an outlet that writes to w. If w is not a file, is a regular file or
// /dev/null, it returns w. ctx is the program's.
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

// Fd, Read and Close are those of the file, so that other code recognises a terminal.

func (o *Outlet) Fd() uintptr                { return o.file.Fd() }
func (o *Outlet) Read(p []byte) (int, error) { return o.file.Read(p) }
func (o *Outlet) Close() error               { return o.file.Close() }

// SetRoom lets Write return while up to this many bytes wait.
func (o *Outlet) SetRoom(bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.room = bytes
}

// Full reports whether waiting bytes use half of the room: the reader is slower than the
// writer.
func (o *Outlet) Full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting) > o.room/2
}

// Write waits until the bytes are written, or until the waiting bytes fit into the room.
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

// waitWhile waits until the condition is false, or for an error. The caller holds mu.
func (o *Outlet) waitWhile(condition func() bool) {
	for o.err == nil && condition() {
		o.changed.Wait()
	}
}

// busy reports whether bytes are not written yet. The caller holds mu.
func (o *Outlet) busy() bool { return o.writing || len(o.waiting) > 0 }

func (o *Outlet) run() {
	defer context.AfterFunc(o.ctx, o.giveUp)()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil && len(o.waiting) > 0 {
		b := o.waiting
		o.waiting, o.spare = o.spare[:0], nil
		for o.rest = b; len(o.rest) > 0 && o.err == nil; {
			part := o.rest[:min(len(o.rest), partSize)]
			o.mu.Unlock()
			_, err := o.file.Write(part)
			o.mu.Lock()
			o.rest = o.rest[len(part):]
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

var newline = []byte{'\n'}

// giveUp drops the waiting bytes if nothing has been written for stuckTime. It ends when
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
			o.err = &UnreadError{Lines: bytes.Count(o.rest, newline) + bytes.Count(o.waiting, newline)}
			o.changed.Broadcast()
		}
	}
}

// FileOf returns the file to which a writer writes, if there is one.
func FileOf(w io.Writer) (*os.File, bool) {
	if o, ok := w.(*Outlet); ok {
		return o.file, true
	}
	f, ok := w.(*os.File)
	return f, ok
}
