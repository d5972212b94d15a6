//go:build linux

package capture

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/netns"
)

// The groups of NETLINK_NETFILTER that bear events of expectations. The kernel
// has no updates of them.
const (
	groupExpectNew     = 4
	groupExpectDestroy = 6
)

// ExpectWatch follows the expectations of a network namespace.
type ExpectWatch struct {
	queue *queue
	dec   ctnetlink.Decoder
	buf   []byte
}

// WatchExpects begins to follow: from its return on no event is missed untold.
func WatchExpects(ns int) (*ExpectWatch, error) {
	conn, err := netns.DialNetfilter(ns)
	if err != nil {
		return nil, err
	}
	for _, group := range []uint32{groupExpectNew, groupExpectDestroy} {
		if err := conn.JoinGroup(group); err != nil {
			conn.Close()
			return nil, fmt.Errorf("join expectation event group %d: %w", group, netns.Privilege(err))
		}
	}
	q, err := newQueue(conn)
	if err != nil {
		return nil, err
	}
	return &ExpectWatch{queue: q, buf: make([]byte, expectSize)}, nil
}

// expectSize is more than the longest message about an expectation.
const expectSize = 32 << 10

// fromKernel reports whether the kernel sent a message: its port id is 0. Any
// process with CAP_NET_ADMIN in the namespace can send to the groups.
func fromKernel(from unix.Sockaddr) bool {
	a, ok := from.(*unix.SockaddrNetlink)
	return ok && a.Pid == 0
}

// Close ends the watch and unblocks Run.
func (w *ExpectWatch) Close() error {
	w.queue.close()
	return nil
}

// Run calls each with every event, and lost with the number of events that the
// kernel dropped. It returns when ctx ends, with its error, or with that of each.
func (w *ExpectWatch) Run(ctx context.Context, each func(*monitor.Expect) error, lost func(n uint64)) error {
	var drops uint32
	overrun := false
	for {
		if err := w.queue.watch(ctx); err != nil {
			return err
		}
		var n int
		var forged bool
		var err error
		if err := w.queue.use(func(fd int) {
			var from unix.Sockaddr
			n, from, err = unix.Recvfrom(fd, w.buf, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
			forged = err == nil && !fromKernel(from)
			if err == unix.EAGAIN && overrun {
				// As with flows, the gap lies where the queue runs empty.
				overrun = false
				now, _ := socketDrops(fd)
				lost(max(uint64(now-drops), 1))
				drops = now
			}
		}); err != nil {
			return err
		}
		switch {
		case err == unix.EAGAIN, err == unix.EINTR:
			if err := w.queue.wait(ctx); err != nil {
				return err
			}
			continue
		case err == unix.ENOBUFS:
			overrun = true
			continue
		case err != nil:
			return fmt.Errorf("read expectation events: %w", err)
		case forged, n > len(w.buf):
			continue
		}
		x, err := w.dec.DecodeExpect(w.buf[:n])
		if err != nil {
			continue // counted; the stream goes on
		}
		x.Time, x.TimeSource = monitor.Now(), monitor.TimeReceived
		if err := each(&x); err != nil {
			return err
		}
	}
}
