//go:build linux

package capture

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// waiter waits until one of its descriptors is ready, until it is interrupted or
// until a context ends. It is an epoll(7) instance beside Go's network poller, which
// watches its descriptors for good: there each message that arrives wakes a thread,
// also while the reader only lets messages gather. Here the kernel wakes a reader
// that waits.
//
// One goroutine uses it; interrupt may be called from others, also after close.
type waiter struct {
	epoll int
	event *os.File // eventfd(2): readable once interrupted
	fd    int32    // of event

	events [64]unix.EpollEvent
	found  []int32 // ready descriptors that the last wait found and ready has not returned
	ended  bool    // an interrupt came that has not ended a wait yet

	ctx  context.Context // the one that is watched
	stop func() bool
}

func newWaiter() (*waiter, error) {
	w := &waiter{}
	var err error
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(w.epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	w.event, w.fd = os.NewFile(uintptr(fd), "eventfd"), int32(fd)
	w.found = make([]int32, 0, len(w.events))
	if err := w.add(fd, unix.EPOLLIN); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// add waits for a descriptor as well, until that is closed. Errors are always waited
// for.
func (w *waiter) add(fd int, events uint32) error {
	err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	return os.NewSyscallError("epoll_ctl", err)
}

// watch makes the end of ctx interrupt the wait. It is called before each; with the
// same context again it costs nothing. One context is watched at a time.
func (w *waiter) watch(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.ctx == ctx {
		return nil
	}
	if w.stop != nil {
		w.stop()
	}
	w.ctx, w.stop = ctx, context.AfterFunc(ctx, w.interrupt)
	return nil
}

// wait blocks until a descriptor is ready or until an interrupt.
func (w *waiter) wait() error {
	if !w.ended {
		if err := w.poll(-1); err != nil {
			return err
		}
	}
	w.ended = false
	return nil
}

// ready returns the descriptors that are ready now. The list is good until the next
// call.
func (w *waiter) ready() ([]int32, error) {
	if len(w.found) == 0 {
		if err := w.poll(0); err != nil {
			return nil, err
		}
	}
	found := w.found
	w.found = w.found[:0]
	return found, nil
}

func (w *waiter) poll(timeout int) error {
	w.found = w.found[:0]
	n, err := unix.EpollWait(w.epoll, w.events[:], timeout)
	if err != nil {
		if err == unix.EINTR {
			return nil
		}
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, e := range w.events[:n] {
		if e.Fd == w.fd {
			var count [8]byte
			unix.Read(int(w.fd), count[:])
			w.ended = true
			continue
		}
		w.found = append(w.found, e.Fd)
	}
	return nil
}

// interrupt ends a wait, or the next one.
func (w *waiter) interrupt() {
	var one [8]byte
	one[0], one[7] = 1, 1 // not zero in either byte order
	w.event.Write(one[:])
}

func (w *waiter) close() error {
	if w.stop != nil {
		w.stop()
	}
	return errors.Join(w.event.Close(), os.NewSyscallError("close", unix.Close(w.epoll)))
}

// pace decides when the reader reads the queue again. It has two states:
//
//	       an event: the kernel wakes          a reading has two or more
//	cold ────────────────────────────▶ 1 ms ────────────────────────────▶ hot
//	 ▲                                                                     │
//	 └─────────────── a reading has less than two ◀── read, nap, read … ◀──┘
//
// Cold, the reader blocks. Hot, it reads by the clock, with naps that grow while readings
// have few events, and shrink while the queue fills up.
type pace struct {
	interval time.Duration // between readings; 0: cold
	due      time.Time     // of the next reading
	events   int           // since the last nap
	fill     float64       // share of the queue that they took
}

const (
	shortNap   = time.Millisecond     // one wake-up serves what comes in this time
	longNap    = 5 * time.Millisecond // at most
	manyEvents = 512                  // a reading that has so many is worth its wake-up
	fullQueue  = 0.15                 // a share that makes naps shrink
)

// reading is what was read from the queue at one time.
type reading struct {
	events int
	fill   float64 // share of the queue, of 1
	dry    bool    // nothing is left
}

// after sets the time of the next reading after one.
func (p *pace) after(r reading) {
	p.events += r.events
	p.fill += r.fill
	if !r.dry {
		p.due = time.Time{}
		return
	}
	switch {
	case p.events < 2:
		p.interval = 0
	case p.fill > fullQueue:
		p.interval /= 2
	case p.events < manyEvents:
		p.interval = min(max(2*p.interval, shortNap), longNap)
	}
	p.events, p.fill = 0, 0
	if p.interval > 0 {
		p.due = time.Now().Add(p.interval)
	}
}

// nap sleeps until the next reading, if it is hot, and reports whether it slept.
func (p *pace) nap() bool {
	if p.interval == 0 {
		return false
	}
	d := time.Until(p.due)
	if d <= 0 {
		return false
	}
	time.Sleep(d)
	return true
}
