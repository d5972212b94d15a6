//go:build linux

package capture

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// queue is a netlink socket out of which one goroutine reads, and which others
// may interrupt and close.
//
// It stands beside Go's network poller, not in it: the poller watches its
// sockets edge-triggered, and each message that arrives wakes its thread, also
// while the reader only lets messages gather. Here a wake-up happens when the
// reader asked for one; an eventfd interrupts it.
type queue struct {
	fd     int
	event  int // eventfd(2): readable once interrupted
	closed atomic.Bool
	once   sync.Once
	mu     sync.RWMutex // held for writing while the descriptors are closed

	ctx  context.Context // the one that is watched
	stop func() bool

	news func() bool // whether there is something beside messages for the reader; nil: never
}

// newQueue takes the socket out of conn, which is closed: its descriptor leaves
// Go's poller, while the socket lives on with its groups and its buffer.
func newQueue(conn *netlink.Conn) (*queue, error) {
	defer conn.Close()
	fd, err := duplicate(conn)
	if err != nil {
		return nil, err
	}
	return queueOf(fd)
}

// duplicate returns a second descriptor of the connection's socket, which Go's
// poller does not know.
func duplicate(conn *netlink.Conn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	if cerr := raw.Control(func(its uintptr) { fd, err = unix.FcntlInt(its, unix.F_DUPFD_CLOEXEC, 0) }); cerr != nil {
		return -1, cerr
	}
	if err != nil {
		return -1, fmt.Errorf("duplicate netlink socket: %w", err)
	}
	return fd, nil
}

// newManyQueue returns a queue of many sockets: its descriptor is an epoll(7)
// instance, which is readable while one of them is.
func newManyQueue() (*queue, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return queueOf(fd)
}

// queueOf returns a queue that owns the descriptor.
func queueOf(fd int) (q *queue, err error) {
	q = &queue{fd: fd}
	if q.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(q.fd)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return q, nil
}

// watch makes the end of ctx interrupt the reader. It is called before each
// read; with the same context again it costs nothing. One context is watched at
// a time.
func (q *queue) watch(ctx context.Context) error {
	if q.closed.Load() {
		return os.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if q.ctx == ctx {
		return nil
	}
	if q.stop != nil && !q.stop() {
		q.calm() // it was interrupted for the context before
	}
	q.ctx = ctx
	q.stop = context.AfterFunc(ctx, q.interrupt)
	return nil
}

// wait blocks until the socket is readable or has an error to tell, or until ctx
// ends or the queue is closed, and says which of these.
func (q *queue) wait(ctx context.Context) error {
	q.mu.RLock()
	defer q.mu.RUnlock()
	fds := [...]unix.PollFd{{Fd: int32(q.fd), Events: unix.POLLIN}, {Fd: int32(q.event), Events: unix.POLLIN}}
	for {
		if q.closed.Load() {
			return os.ErrClosed
		}
		if _, err := unix.Poll(fds[:], -1); err != nil && err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
		if fds[1].Revents != 0 && !q.closed.Load() {
			if err := ctx.Err(); err != nil {
				return err
			}
			q.calm()
			if q.news != nil && q.news() {
				return nil
			}
			continue
		}
		if fds[0].Revents != 0 {
			return nil
		}
	}
}

// use calls f with the socket, unless it is closed.
func (q *queue) use(f func(fd int)) error {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed.Load() {
		return os.ErrClosed
	}
	f(q.fd)
	return nil
}

// interrupt wakes the reader, unless the queue is closed: a context may end at any
// time, and its descriptor's number may belong to another file by then.
func (q *queue) interrupt() {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.event >= 0 {
		q.signal()
	}
}

func (q *queue) signal() {
	var one [8]byte
	one[0], one[7] = 1, 1 // not zero in either byte order
	unix.Write(q.event, one[:])
}

func (q *queue) calm() {
	var n [8]byte
	unix.Read(q.event, n[:])
}

// close interrupts the reader and closes the socket.
func (q *queue) close() {
	q.once.Do(func() {
		q.closed.Store(true)
		q.signal() // the descriptors are open until the reader has left
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.stop != nil {
			q.stop()
		}
		unix.Close(q.fd)
		unix.Close(q.event)
		q.fd, q.event = -1, -1
	})
}

// paceBusy is how many messages a wait must bring for the next to be longer, and
// for a look that left nothing to be followed by one.
const paceBusy = 64

// pace says how long to let messages gather after a wake-up, so that one wake-up
// serves many: the base time when little happens, growing with the rate, but
// never so long that a quarter of the queue might fill.
type pace struct {
	base, now time.Duration
	capacity  int // bytes of queue
	cost      int // bytes of queue a message takes
}

// gather sleeps for what is left of the time since the last look: a slow sink has had
// messages gather already.
func (p *pace) gather(looked time.Time) {
	if d := p.left(time.Since(looked)); d > 0 {
		nap(d)
	}
}

// left is how long messages have to gather still, that long after the last look.
func (p *pace) left(since time.Duration) time.Duration { return max(p.now-since, 0) }

// nap sleeps for some milliseconds at the most. It is a plain system call:
// parking the goroutine would cost the scheduler's wake-ups beside it.
//
// The runtime is not told of it. It would take the processor away from whoever
// sleeps in a system call again and again, and look for such sleepers every 20 µs
// after each time it did: that cost thousands of wake-ups a second. Others find
// another processor; a collection, or whoever waits for this one too long, ends
// the nap by a signal.
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(d.Nanoseconds())
	if runtime.GOMAXPROCS(0) < 2 {
		unix.Nanosleep(&ts, nil)
		return
	}
	unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// got tells how many messages the last gathering brought.
func (p *pace) got(n int) {
	if p.base <= 0 {
		return
	}
	next := p.base
	if n >= paceBusy {
		next = min(2*p.now, MaxCoalesce)
		if room := time.Duration(p.capacity/4/p.cost) * p.now / time.Duration(n); next > room {
			next = room
		}
	}
	p.now = max(next, p.base)
}
