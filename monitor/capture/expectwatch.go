//go:build linux

package capture

import (
	"context"
	"fmt"

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

// WatchExpects follows the expectations of a network namespace. It calls each with every event,
// and lost with the number of events that the kernel dropped. It returns ctx.Err() when ctx
// ends, or the first error of each.
func WatchExpects(ctx context.Context, ns int, each func(*monitor.Expect) error, lost func(n uint64)) error {
	m := &member{ns: ns}
	conn, err := m.dial(func(conn *netlink.Conn) error {
		for _, group := range []uint32{groupExpectNew, groupExpectDestroy} {
			if err := conn.JoinGroup(group); err != nil {
				return fmt.Errorf("join expectation event group %d: %w", group, netns.Privilege(err))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	defer m.closeSocket()
	w, err := newWaiter()
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.add(m.fd, 0, unix.EPOLLIN); err != nil {
		return err
	}
	mm, drops := newMmsgReader(), uint32(0)
	for dec := (ctnetlink.Decoder{}); ; {
		if err := w.watch(ctx); err != nil {
			return err
		}
		mm.reset()
		n, _, errno := mm.recv(m.fd)
		for i := range n {
			msg, sender, whole := mm.message(i)
			x, err := dec.DecodeExpect(msg)
			if sender != 0 || !whole || err != nil {
				continue
			}
			x.Time, x.TimeSource = monitor.Now(), monitor.TimeReceived
			if err := each(&x); err != nil {
				return err
			}
		}
		switch errno {
		case 0, unix.EINTR:
		case unix.ENOBUFS:
			m.overrun = true
		case unix.EAGAIN:
			if m.overrun { // the gap is where the queue runs empty, as with flows
				m.overrun = false
				now, _ := socketDrops(m.fd)
				lost(max(uint64(now-drops), 1))
				drops = now
			}
			if err := w.wait(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("read expectation events: %w", errno)
		}
	}
}
