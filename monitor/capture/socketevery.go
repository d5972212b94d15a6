//go:build linux

package capture

import (
	"fmt"
	"os"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// socketEvery is what a capture by sockets has in addition that reads many
// namespaces: a socket each, in one epoll(7) instance. Each socket has a queue and
// losses of its own; the order of events over several namespaces is that in which
// their queues were read.
type socketEvery struct {
	roster   *roster // nil: one namespace is captured, and nothing of this is used
	byFD     map[int32]*member
	retiring []*member
	ready    []unix.EpollEvent
}

// openSocketEvery returns a capture by sockets that has none yet.
func openSocketEvery(cfg Config) (*socketCapture, error) {
	q, err := newManyQueue()
	if err != nil {
		return nil, err
	}
	c := &socketCapture{cfg: cfg, mm: newMmsgReader(), queue: q, began: monitor.Now()}
	c.drain = c.onDrain
	c.byFD, c.ready = map[int32]*member{}, make([]unix.EpollEvent, 64)
	c.pace = pace{base: cfg.Coalesce, now: cfg.Coalesce, capacity: min(cfg.Buffer, otherBuffer), cost: socketCost}
	return c, nil
}

// otherBuffer bounds the socket buffer of each namespace but the caller's own, of
// which there may be hundreds.
const otherBuffer = 2 << 20

func (c *socketCapture) enrol(r *roster) { c.roster, c.queue.news = r, r.news }

func (c *socketCapture) interrupt() { c.queue.interrupt() }

// prepare opens the member's socket, but for the groups.
func (c *socketCapture) prepare(m *member) (*netlink.Conn, error) {
	cfg := c.cfg
	cfg.NetNS = int(m.file.Fd())
	if !m.Own {
		cfg.Buffer = min(cfg.Buffer, otherBuffer)
	}
	conn, err := netns.DialNetfilter(cfg.NetNS)
	if err != nil {
		return nil, err
	}
	err = conn.SetReadBuffer(cfg.Buffer)
	var size int
	if err == nil {
		size, err = conn.ReadBuffer()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("set read buffer: %w", err)
	}
	m.socket = &socketMember{netns: m.id, size: size, here: c.push(conn)}
	return conn, nil
}

// failed has nothing to do: the reader takes the errors of its sockets.
func (c *socketCapture) failed(*member) {}

// callRoll takes the sockets of the namespaces that came into the epoll instance.
func (c *socketCapture) callRoll(epoll int) {
	if !c.roster.news() {
		return
	}
	arrived, leaving := c.roster.take()
	for _, m := range arrived {
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(m.fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, m.fd, &event); err != nil {
			c.err = os.NewSyscallError("epoll_ctl", err)
			return
		}
		c.byFD[int32(m.fd)] = m
		if m.late {
			appendNetNS(c.batch, monitor.KindNetNSBegin, m.id, &c.clock)
		}
	}
	c.retiring = append(c.retiring, leaving...)
}

// drainEvery reads the sockets that have something, in turn.
func (c *socketCapture) drainEvery(epoll int) {
	c.callRoll(epoll)
	for c.err == nil && c.mm.room() && len(c.batch.Events) < monitor.BatchSize {
		n, err := unix.EpollWait(epoll, c.ready, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			c.err = os.NewSyscallError("epoll_wait", err)
			return
		}
		if n == 0 {
			c.dry = true
			break
		}
		for _, e := range c.ready[:n] {
			if m := c.byFD[e.Fd]; m != nil {
				c.drainSocket(int(e.Fd), m.socket)
			}
		}
	}
	c.retire()
}

// retire ends the namespaces that are gone, once their queues are empty.
func (c *socketCapture) retire() {
	if len(c.retiring) == 0 {
		return
	}
	c.retiring = slices.DeleteFunc(c.retiring, func(m *member) bool {
		if c.err != nil || !c.drainSocket(m.fd, m.socket) || len(c.batch.Events) >= monitor.BatchSize {
			return false
		}
		appendNetNS(c.batch, monitor.KindNetNSEnd, m.id, &c.clock)
		delete(c.byFD, int32(m.fd))
		c.roster.dismiss(m) // closes the socket, which leaves the epoll instance with it
		return true
	})
	if len(c.retiring) > 0 {
		c.roster.waiting.Store(true)
		c.queue.interrupt() // look again
	}
}
