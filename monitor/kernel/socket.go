//go:build linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
)

// socketCapture reads events from a netlink socket.
//
// The kernel's queue is the socket buffer. When it overruns, the kernel marks
// the socket congested and drops everything until the queue is empty, and says
// ENOBUFS once, before the messages that were queued earlier. So the gap lies
// where the queue runs empty, and there the exact number of drops is read:
//
//	recvmmsg ─▶ ENOBUFS ─▶ recvmmsg … (older messages) ─▶ EAGAIN ─▶ SO_MEMINFO ─▶ KindLost
type socketCapture struct {
	cfg   Config
	conn  *netlink.Conn
	raw   syscall.RawConn
	dec   ctnetlink.Decoder
	mm    *mmsgReader
	ready func(fd uintptr) bool // prepared once: a closure a call would allocate
	drain func(fd uintptr) bool
	wake  *canceller
	clock clock

	batch   *monitor.Batch // the one being filled, for drain
	polled  bool           // ready: the reader has waited
	overrun bool           // ENOBUFS came, its gap is not reported yet
	drops   uint32         // SO_MEMINFO's drops at the last report
	err     error          // of the last drain
	stats   statCounters
}

func openSocket(cfg Config) (*socketCapture, error) {
	conn, err := dial(cfg)
	if err != nil {
		return nil, err
	}
	c := &socketCapture{cfg: cfg, conn: conn, mm: newMmsgReader(), wake: &canceller{conn: conn}}
	c.ready, c.drain = c.onReady, c.onDrain
	if err := c.setUp(); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *socketCapture) setUp() error {
	if err := c.conn.SetReadBuffer(c.cfg.Buffer); err != nil {
		return fmt.Errorf("set read buffer: %w", err)
	}
	size, err := c.conn.ReadBuffer()
	if err != nil {
		return fmt.Errorf("get read buffer: %w", err)
	}
	c.stats.capacity.Store(int64(size))
	if c.raw, err = c.conn.SyscallConn(); err != nil {
		return err
	}
	return join(c.conn, c.cfg.Kinds)
}

// Way returns Socket.
func (c *socketCapture) Way() Way { return Socket }

// Stats returns the counters as they stand; it may be called at any time.
func (c *socketCapture) Stats() Stats { return c.stats.load() }

// Close ends the capture and unblocks Next.
func (c *socketCapture) Close() error {
	if err := c.conn.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Next waits for messages and fills the batch with what is queued, up to its
// bound.
func (c *socketCapture) Next(ctx context.Context, b *monitor.Batch) error {
	if err := c.wake.watch(ctx); err != nil {
		return err
	}
	for {
		if err := c.Poll(b); err != nil || len(b.Events) > 0 {
			return err
		}
		c.polled = false
		if err := c.raw.Read(c.ready); err != nil {
			return c.wake.cause(ctx, err)
		}
		c.stats.wakeups.Add(1)
		if c.cfg.Coalesce > 0 {
			// More messages are about to come: let them, and be woken once.
			time.Sleep(c.cfg.Coalesce)
		}
	}
}

// Poll fills the batch with what is queued now, up to its bound.
func (c *socketCapture) Poll(b *monitor.Batch) error {
	c.batch, c.err = b, nil
	c.mm.reset()
	if err := c.raw.Control(func(fd uintptr) { c.drain(fd) }); err != nil {
		return closedErr(err)
	}
	c.publish()
	return c.err
}

// onReady makes the poller wait once and then return without reading.
func (c *socketCapture) onReady(uintptr) bool {
	if !c.polled {
		c.polled = true
		return false
	}
	return true
}

// onDrain reads until the queue is empty or the batch is full.
func (c *socketCapture) onDrain(fd uintptr) bool {
	for c.mm.room() && len(c.batch.Events) < monitor.BatchSize {
		n, errno := c.mm.recv(int(fd))
		switch errno {
		case 0:
			c.take(n)
		case unix.ENOBUFS:
			c.overrun = true
		case unix.EINTR:
		case unix.EAGAIN:
			if c.overrun {
				c.reportLoss(int(fd))
			}
			return true
		default:
			c.err = fmt.Errorf("recvmmsg: %w", errno)
			return true
		}
	}
	return true
}

// take decodes the n messages that the last recv brought.
func (c *socketCapture) take(n int) {
	now := monitor.Now()
	for i := range n {
		msg, sender, whole := c.mm.message(i)
		switch {
		case sender != 0:
			// Anybody with CAP_NET_ADMIN here can send to the groups; only the
			// kernel's port is 0.
			c.stats.forged.Add(1)
			continue
		case !whole:
			c.dec.Malformed++
			continue
		}
		before := len(c.batch.Events)
		if err := c.dec.Decode(msg, c.batch); err != nil || len(c.batch.Events) == before {
			continue // counted by the decoder; the stream goes on
		}
		e := &c.batch.Events[before]
		if e.TimeSource != monitor.TimeKernel {
			e.Time, e.TimeSource = now, monitor.TimeReceived
		}
		c.clock.order(e)
	}
}

// reportLoss appends the loss that an ENOBUFS announced, now that the queue is
// empty. An ENOBUFS without drops is a failed allocation in the kernel: it lost
// one event at the least and keeps no count.
func (c *socketCapture) reportLoss(fd int) {
	c.overrun = false
	var gap monitor.Gap
	drops, err := socketDrops(fd)
	if err == nil {
		gap.Count = uint64(drops - c.drops) // wraps as the kernel's counter does
		c.drops = drops
	}
	if gap.Count == 0 {
		gap.Count, gap.Uncertain = 1, true
	}
	c.stats.lost.Add(gap.Count)
	c.stats.gaps.Add(1)
	appendLoss(c.batch, gap, &c.clock)
}

// publish makes the decoder's counters visible to Stats.
func (c *socketCapture) publish() {
	c.stats.received.Add(uint64(len(c.batch.Events)))
	c.stats.malformed.Store(c.dec.Malformed)
	c.stats.unknown.Store(c.dec.Unknown)
}
