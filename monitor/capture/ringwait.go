//go:build linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ringWait is how the reader of a ring waits. It has two states:
//
//	       a record: the kernel wakes            a look finds two or more
//	cold ────────────────────────────▶ Coalesce ────────────────────────▶ hot
//	 ▲                                                                     │
//	 └──────────────── a look finds less than two ◀── look, nap, look … ◀──┘
//
// Cold, it sleeps in the poller until the kernel wakes it: without events no
// system call is made. Hot, it looks at the ring by the clock, with naps that
// grow from Coalesce to MaxCoalesce while a look finds few events, and shrink
// while it finds the ring filling up.
type ringWait struct {
	file   *os.File // a duplicate of the ring's descriptor, in the runtime's poller
	raw    syscall.RawConn
	ready  func(fd uintptr) bool
	cancel canceller

	coalesce time.Duration
	longest  time.Duration
	fill     uint64 // bytes in the ring from which on naps shrink

	interval time.Duration // of naps; 0: cold
	due      time.Time     // end of the next nap
	events   int           // found since the last wait
	bytes    uint64
}

// A look that finds so many events is worth its wake-up.
const enoughEvents = 512

// open prepares to wait for the ring with descriptor fd. ready says whether
// there is something to do.
func (w *ringWait) open(fd int, cfg Config, ready func() bool) error {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("duplicate descriptor of the ring: %w", err)
	}
	if err := unix.SetNonblock(own, true); err != nil { // or the runtime would not poll it
		unix.Close(own)
		return fmt.Errorf("set up descriptor of the ring: %w", err)
	}
	w.file = os.NewFile(uintptr(own), "bpf-ring")
	if w.raw, err = w.file.SyscallConn(); err != nil {
		return err
	}
	w.ready = func(uintptr) bool { return ready() }
	w.cancel.conn = w.file
	w.coalesce = max(cfg.Coalesce, 0)
	w.longest = max(w.coalesce, MaxCoalesce)
	w.fill = uint64(cfg.Ring / 8)
	return nil
}

// close unblocks sleep.
func (w *ringWait) close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}

// watch has sleep end when ctx does; it returns an error if ctx has ended.
func (w *ringWait) watch(ctx context.Context) error { return w.cancel.watch(ctx) }

// interrupt ends sleep without an error.
func (w *ringWait) interrupt() { w.file.SetReadDeadline(time.Unix(1, 0)) }

// sleep waits until there is something to do, and a little longer.
func (w *ringWait) sleep(ctx context.Context) error {
	err := w.raw.Read(w.ready)
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
		w.cancel.ctx = nil // interrupted: the next watch takes the deadline back
		return nil
	default:
		return w.cancel.cause(ctx, err)
	}
	if w.coalesce > 0 {
		time.Sleep(w.coalesce)
	}
	return nil
}

// nap waits for the next look, if it is hot. It reports whether it slept.
func (w *ringWait) nap() bool {
	if w.interval == 0 {
		return false
	}
	d := time.Until(w.due)
	if d <= 0 {
		return false
	}
	nap(d)
	return true
}

// filled is told what one look found: events, bytes, and whether nothing was
// left. It decides how long to wait for the next.
func (w *ringWait) filled(events int, bytes uint64, empty bool) {
	w.events += events
	w.bytes += bytes
	if !empty {
		w.due = time.Time{}
		return
	}
	switch {
	case w.events < 2 || w.coalesce == 0:
		w.interval = 0
	case w.bytes > w.fill:
		w.interval /= 2
	case w.events < enoughEvents:
		w.interval = min(max(2*w.interval, w.coalesce), w.longest)
	}
	w.events, w.bytes = 0, 0
	if w.interval > 0 {
		w.due = time.Now().Add(w.interval)
	}
}
