//go:build linux

package capture

import (
	"context"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/netns"
)

// The groups of NETLINK_NETFILTER with events of expectations. The kernel sends no updates of
// expectations.
const (
	groupExpectNew     = 4
	groupExpectDestroy = 6
)

// ExpectWatch follows the expectations of a network namespace.
type ExpectWatch struct {
	conn *netlink.Conn
	raw  syscall.RawConn
	dec  ctnetlink.Decoder
	buf  []byte
}

// expectSize is more than the longest message about an expectation.
const expectSize = 32 << 10

// WatchExpects starts to follow expectations. After it returns, every event is delivered or
// reported as lost.
func WatchExpects(ns int) (*ExpectWatch, error) {
	conn, err := netns.Dial(unix.NETLINK_NETFILTER, ns)
	if err != nil {
		return nil, err
	}
	for _, group := range []uint32{groupExpectNew, groupExpectDestroy} {
		if err := conn.JoinGroup(group); err != nil {
			conn.Close()
			return nil, fmt.Errorf("join expectation event group %d: %w", group, netns.Privilege(err))
		}
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &ExpectWatch{conn: conn, raw: raw, buf: make([]byte, expectSize)}, nil
}

// Close ends the watch and unblocks Run.
func (w *ExpectWatch) Close() error { return w.conn.Close() }

// Run calls each with every event, and lost with the number of events that the kernel dropped.
// It returns ctx.Err() when ctx ends, or the first error of each. It closes the watch.
func (w *ExpectWatch) Run(ctx context.Context, each func(*monitor.Expect) error, lost func(n uint64)) error {
	defer w.Close()
	stop := context.AfterFunc(ctx, func() { w.Close() })
	defer stop()
	var drops uint32
	overrun := false
	for {
		var n int
		var from unix.Sockaddr
		var err error
		closed := w.raw.Read(func(fd uintptr) bool {
			n, from, err = unix.Recvfrom(int(fd), w.buf, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
			if err == unix.EAGAIN && overrun {
				// The gap is where the queue runs empty, as with flows.
				overrun = false
				now, _ := socketDrops(int(fd))
				lost(max(uint64(now-drops), 1))
				drops = now
			}
			return err != unix.EAGAIN
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case closed != nil:
			return closed
		case err == unix.EINTR:
			continue
		case err == unix.ENOBUFS:
			overrun = true
			continue
		case err != nil:
			return fmt.Errorf("read expectation events: %w", err)
		case !fromKernel(from), n > len(w.buf):
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

// fromKernel reports whether the kernel sent a message: its port id is 0. Any process
// with CAP_NET_ADMIN in the namespace can send to the groups.
func fromKernel(from unix.Sockaddr) bool {
	a, ok := from.(*unix.SockaddrNetlink)
	return ok && a.Pid == 0
}
