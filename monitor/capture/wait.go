//go:build linux

package capture

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// waiter waits until one of its descriptors is ready, until interrupt is called or until a
// context ends. It uses its own epoll(7) instance. Go's network poller watches its descriptors
// all the time, so each message would wake a thread even while the reader lets messages gather.
// Here the kernel wakes only a reader that waits.
//
// One goroutine uses it. Others may call interrupt, even after close.
type waiter struct {
	epoll int
	event *os.File // eventfd(2): readable after an interrupt

	events [64]unix.EpollEvent
	found  []int32 // tags that the last wait found ready and ready has not returned yet
	ended  bool    // an interrupt has not ended a wait yet

	ctx  context.Context // the watched context
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
	w.event = os.NewFile(uintptr(fd), "eventfd")
	w.found = make([]int32, 0, len(w.events))
	if err := w.add(fd, tagInterrupt, unix.EPOLLIN); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// The tags of descriptors that are no member's socket, whose tag is the member's number.
const (
	tagInterrupt = -1
	tagRing      = -2
)

// add also waits for a descriptor, until it is closed. Errors are always reported.
func (w *waiter) add(fd int, tag int32, events uint32) error {
	err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: tag})
	return os.NewSyscallError("epoll_ctl", err)
}

// watch lets the end of ctx interrupt the wait. Call it before each wait; for the same context
// again it costs nothing. Only one context is watched at a time.
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

// wait blocks until a descriptor is ready or interrupt is called.
func (w *waiter) wait() error {
	if !w.ended {
		if err := w.poll(-1); err != nil {
			return err
		}
	}
	w.ended = false
	return nil
}

// ready returns the tags of the descriptors that are ready now. The slice is valid until the
// next call.
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
		if e.Fd == tagInterrupt {
			var count [8]byte
			w.event.Read(count[:])
			w.ended = true
			continue
		}
		w.found = append(w.found, e.Fd)
	}
	return nil
}

// interrupt ends the current or the next wait.
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
// Cold: the reader blocks. Hot: it reads at intervals. They grow while readings have few
// events, and shrink while the queue fills up.
type pace struct {
	interval time.Duration // between readings; 0: cold
	due      time.Time     // of the next reading
	events   int           // since the last nap
	fill     float64       // share of the queue that they used
}

const (
	shortNap   = time.Millisecond      // collects the events of this time into one wake-up
	longNap    = 10 * time.Millisecond // at most
	manyEvents = 1024                  // events that justify a wake-up
	fullQueue  = 0.15                  // share of the queue above which naps shrink
)

// reading is what was read from the queue at one time.
type reading struct {
	events int
	fill   float64 // share of the queue, of 1
	dry    bool    // the queue is empty
}

// after sets the time of the next reading.
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

// nap sleeps until the next reading if it is hot, and reports whether it slept.
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
