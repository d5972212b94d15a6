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

// The groups of NETLINK_NETFILTER with events of expectations. The kernel sends no updates of
// expectations.
const (
	groupExpectNew     = 4
	groupExpectDestroy = 6
)

// expectSize is more than the longest message about an expectation.
const expectSize = 32 << 10

// WatchExpects follows the expectations of a network namespace. It calls each with every event,
// and lost with the number of events that the kernel dropped. It returns ctx.Err() when ctx
// ends, or the first error of each.
func WatchExpects(ctx context.Context, ns int, each func(*monitor.Expect) error, lost func(n uint64)) error {
	conn, err := netns.Dial(unix.NETLINK_NETFILTER, ns)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, group := range []uint32{groupExpectNew, groupExpectDestroy} {
		if err := conn.JoinGroup(group); err != nil {
			return fmt.Errorf("join expectation event group %d: %w", group, netns.Privilege(err))
		}
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var dec ctnetlink.Decoder
	buf := make([]byte, expectSize)
	var drops uint32
	overrun := false
	for {
		var n int
		var from unix.Sockaddr
		var err error
		closed := raw.Read(func(fd uintptr) bool {
			n, from, err = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
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
		case !fromKernel(from), n > len(buf):
			continue
		}
		x, err := dec.DecodeExpect(buf[:n])
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
