//go:build linux

package capture

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/netns"
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
	queue *queue
	dec   ctnetlink.Decoder
	mm    *mmsgReader
	pace  pace
	clock clock
	drain func(fd int) // onDrain, prepared once: a closure a call would allocate

	began    monitor.Time          // when it was opened
	batch    *monitor.Batch        // the one being filled, for onDrain
	received uint64                // events; losses are none
	gathered int                   // messages since the last wait
	dry      bool                  // the last look left nothing
	looked   time.Time             // when it ended, if it did
	err      error                 // of the last drain
	notRing  *RingError            // why this is not a ring, with Auto
	unpushed atomic.Pointer[error] // why the kernel does not apply cfg.Push to a socket
	stats    statCounters

	only        socketMember // the socket, where there is one alone
	socketEvery              // only where every namespace is captured
}

// socketMember is one socket and what is known of its losses.
type socketMember struct {
	netns   monitor.NetNS
	size    int          // of its buffer; only with several
	overrun bool         // ENOBUFS came, its gap is not reported yet
	before  monitor.Time // the last event before that
	drops   uint32       // SO_MEMINFO's drops at the last report

	here monitor.Filter // cfg.Push, where the kernel would not apply it; else nil
}

// A message takes this much of a socket's buffer: the smallest packet buffer of
// the kernel with what manages it (skb->truesize).
const socketCost = 1280

func openSocket(cfg Config) (*socketCapture, error) {
	conn, err := netns.DialNetfilter(cfg.NetNS)
	if err != nil {
		return nil, err
	}
	c := &socketCapture{cfg: cfg, mm: newMmsgReader(), began: monitor.Now()}
	c.drain = c.onDrain
	if err := c.setUp(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *socketCapture) setUp(conn *netlink.Conn) error {
	c.only.here = c.push(conn)
	if err := conn.SetReadBuffer(c.cfg.Buffer); err != nil {
		return fmt.Errorf("set read buffer: %w", err)
	}
	size, err := conn.ReadBuffer()
	if err != nil {
		return fmt.Errorf("get read buffer: %w", err)
	}
	c.stats.capacity.Store(int64(size))
	c.pace = pace{base: c.cfg.Coalesce, now: c.cfg.Coalesce, capacity: size, cost: socketCost}
	if err := join(conn, c.cfg.Kinds); err != nil {
		return err
	}
	c.queue, err = newQueue(conn)
	return err
}

// Way returns Socket.
func (c *socketCapture) Way() Way { return Socket }

// Stats returns the counters as they stand; it may be called at any time.
func (c *socketCapture) Stats() Stats { return c.stats.load() }

// Dump opens the table of the namespace that is captured.
func (c *socketCapture) Dump(ctx context.Context) (monitor.Source, error) {
	return c.cfg.Dump(ctx, c.cfg.NetNS)
}

// Close ends the capture and unblocks Next.
func (c *socketCapture) Close() error {
	c.queue.close()
	return nil
}

// Next waits for messages and fills the batch with what is queued, up to its
// bound.
func (c *socketCapture) Next(ctx context.Context, b *monitor.Batch) error {
	if err := c.queue.watch(ctx); err != nil {
		return err
	}
	for {
		if c.dry && c.waited() {
			// More are on their way: look when they have gathered, and not for each.
			c.pace.gather(c.looked)
			c.stats.wakeups.Add(1)
		}
		if err := c.Poll(b); err != nil || len(b.Events) > 0 {
			return err
		}
		c.waited()
		if err := c.queue.wait(ctx); err != nil {
			return err
		}
		c.stats.wakeups.Add(1)
		c.pace.gather(time.Now()) // the first of them has just come
	}
}

// waited tells the pace what the last wait brought, and says whether that was much.
func (c *socketCapture) waited() (much bool) {
	n := c.gathered
	c.pace.got(n)
	c.gathered, c.dry = 0, false
	return c.pace.base > 0 && n >= paceBusy
}

// Poll fills the batch with what is queued now, up to its bound.
func (c *socketCapture) Poll(b *monitor.Batch) error {
	c.batch, c.err, c.dry = b, nil, false
	c.mm.reset()
	if err := c.queue.use(c.drain); err != nil {
		return err
	}
	c.gathered += len(b.Events)
	c.dry = c.dry && c.mm.room() && len(b.Events) < monitor.BatchSize // one of many sockets may be
	if c.dry {
		c.looked = time.Now()
	}
	c.publish()
	return c.err
}

// onDrain reads until the queue is empty or the batch is full.
func (c *socketCapture) onDrain(fd int) {
	if c.roster != nil {
		c.drainEvery(fd)
		return
	}
	c.drainSocket(fd, &c.only)
}

// drainSocket reads one socket until its queue was empty or the batch is full.
// empty says that the kernel said so, and every loss is told.
//
// A call that brings fewer messages than there was room for has met an empty
// queue: the next would fetch the two or three that came since, and so on behind
// a sender that is as fast, at the price of a call each. Only a loss has to be
// read on behind, to where the queue is empty for sure.
func (c *socketCapture) drainSocket(fd int, m *socketMember) (empty bool) {
	for c.mm.room() && len(c.batch.Events) < monitor.BatchSize {
		n, all, errno := c.mm.recv(fd)
		switch errno {
		case 0:
			c.take(n, m)
			if all && !m.overrun {
				c.dry = true
				return false
			}
		case unix.ENOBUFS:
			if !m.overrun {
				m.overrun, m.before = true, max(c.clock.last, c.began)
			}
		case unix.EINTR:
		case unix.EAGAIN:
			if m.overrun {
				c.reportLoss(fd, m)
			}
			c.dry = true
			return true
		default:
			c.err = fmt.Errorf("recvmmsg: %w", errno)
			return true
		}
	}
	return false
}

// take decodes the n messages that the last recv brought from a socket.
func (c *socketCapture) take(n int, m *socketMember) {
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
		if m.here != nil && !m.here(e) {
			c.batch.Drop()
			c.stats.leftOut.Add(1)
			continue
		}
		if e.TimeSource != monitor.TimeKernel {
			e.Time, e.TimeSource = now, monitor.TimeReceived
		}
		if m.netns != 0 {
			e.SetNetNS(m.netns)
		}
		c.clock.order(e)
		c.received++
	}
}

// reportLoss appends the loss that an ENOBUFS announced, now that the queue is
// empty. An ENOBUFS without drops is a failed allocation in the kernel: it lost
// one event at the least and keeps no count.
func (c *socketCapture) reportLoss(fd int, m *socketMember) {
	m.overrun = false
	// It began behind what the queue held at the ENOBUFS. Which of the events that
	// were read since came only after it, into the emptied queue, nobody can tell.
	gap := monitor.Gap{From: m.before}
	drops, err := socketDrops(fd)
	if err == nil {
		gap.Count = uint64(drops - m.drops) // wraps as the kernel's counter does
		m.drops = drops
	}
	if gap.Count == 0 {
		gap.Count, gap.Uncertain = 1, true
	}
	c.stats.lost.Add(gap.Count)
	c.stats.gaps.Add(1)
	appendLoss(c.batch, gap, &c.clock)
	c.batch.Events[len(c.batch.Events)-1].SetNetNS(m.netns)
}

// publish makes the decoder's counters visible to Stats.
func (c *socketCapture) publish() {
	c.stats.received.Store(c.received)
	c.stats.malformed.Store(c.dec.Malformed)
	c.stats.unknown.Store(c.dec.Unknown)
}
