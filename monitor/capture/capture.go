//go:build linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// Capture is a live source of the events of one network namespace or of all.
//
// Events of one namespace are in the order in which they happened. With the ring so
// are those of all namespaces, which share one queue; by sockets they are in the order
// in which the sockets were read.
//
// A namespace that is found after Open has returned begins with an event of
// KindNetNSBegin. What happened in it before is only in its table ([Capture.Dump]): flows that
// began before a listener was there send no events (nf_conntrack_events=2). A namespace ends
// with an event of KindNetNSEnd when it is mounted nowhere and no process is in it. The
// capture keeps it alive until then, which delays its end by two scans at most.
type Capture struct {
	cfg      Config
	queue    queue
	wait     *waiter
	pace     pace
	out      *events
	members  members
	retiring []*member
	follower *netns.Follower // nil with one namespace
	notRing  error           // why this is not a ring, with Auto

	closed atomic.Bool
	mu     sync.Mutex // held by the reader
}

var _ monitor.Live = (*Capture)(nil)

// Open starts to capture: no event is missed without a loss from its return on. With
// Auto it takes the ring if it can be had, else sockets; [Capture.WhyNotRing] then
// returns the reason. An error wraps [netns.ErrPrivilege] without CAP_NET_ADMIN. With
// Config.All, an error means that not even the caller's own namespace can be captured.
func Open(cfg Config) (*Capture, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if cfg.Way == Socket {
		return open(cfg, openSockets)
	}
	c, err := open(cfg, openRing)
	var without *RingError
	switch {
	case !errors.As(err, &without):
		return c, err
	case cfg.Way == Ring:
		return nil, fmt.Errorf("capture by ring: %w", err)
	}
	if c, err = open(cfg, openSockets); err == nil {
		c.notRing = without
	}
	return c, err
}

func open(cfg Config, by func(Config, *events, *waiter, *atomic.Bool) (queue, error)) (*Capture, error) {
	c := &Capture{cfg: cfg, out: &events{last: monitor.Now()}}
	c.members.all, c.members.names = map[monitor.NetNS]*member{}, new(monitor.Namespaces)
	if cfg.All != nil && cfg.All.Names != nil {
		c.members.names = cfg.All.Names
	}
	var err error
	if c.wait, err = newWaiter(); err != nil {
		return nil, err
	}
	if c.queue, err = by(cfg, c.out, c.wait, &c.members.waiting); err != nil {
		c.wait.close()
		return nil, err
	}
	if cfg.All == nil {
		err = c.add(&member{ns: cfg.NetNS, own: true})
	} else {
		err = c.follow(cfg.All)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// add opens a member's socket, joins its groups and gives the member to the reader.
func (c *Capture) add(m *member) error {
	conn, feed, err := c.queue.open(m)
	if err != nil {
		return err
	}
	defer conn.Close() // the socket lives on in its second descriptor
	m.feed = feed
	if err := c.members.arrive(m, func() error { return join(conn, c.cfg.Kinds) }); err != nil {
		feed.close()
		return err
	}
	c.wait.interrupt()
	return nil
}

// The groups of NETLINK_NETFILTER with conntrack events (enum nfnetlink_groups).
const (
	groupNew     = 1
	groupUpdate  = 2
	groupDestroy = 3
)

func join(conn *netlink.Conn, k Kinds) error {
	if k == (Kinds{}) {
		k = Kinds{true, true, true}
	}
	for _, g := range []struct {
		wanted bool
		group  uint32
	}{{k.New, groupNew}, {k.Update, groupUpdate}, {k.Destroy, groupDestroy}} {
		if !g.wanted {
			continue
		}
		if err := conn.JoinGroup(g.group); err != nil {
			return fmt.Errorf("join conntrack event group %d: %w", g.group, netns.Privilege(err))
		}
	}
	return nil
}

// Next waits for events and fills the batch with what is there, up to its bound.
func (c *Capture) Next(ctx context.Context, b *monitor.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if c.closed.Load() {
			return os.ErrClosed
		}
		if err := c.wait.watch(ctx); err != nil {
			return err
		}
		if c.pace.nap() {
			c.out.stats.wakeups.Add(1)
		}
		if err := c.poll(b); err != nil || len(b.Events) > 0 {
			return err
		}
		if c.pace.interval > 0 || c.members.waiting.Load() || len(c.retiring) > 0 {
			continue
		}
		if err := c.wait.wait(); err != nil {
			return err
		}
		if len(c.wait.found) > 0 {
			c.out.stats.wakeups.Add(1)
			time.Sleep(shortNap) // more is about to come
		}
	}
}

// Poll fills the batch with what is there now, up to its bound.
func (c *Capture) Poll(b *monitor.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return os.ErrClosed
	}
	return c.poll(b)
}

func (c *Capture) poll(b *monitor.Batch) error {
	if err := c.admit(b); err != nil {
		return err
	}
	found, err := c.queue.read(b)
	if err != nil {
		return err
	}
	c.pace.after(found)
	if err := c.retire(b); err != nil {
		return err
	}
	c.out.publish()
	return nil
}

// admit begins to read the namespaces that came.
func (c *Capture) admit(b *monitor.Batch) error {
	if !c.members.waiting.Load() {
		return nil
	}
	arrived, leaving := c.members.take()
	for _, m := range arrived {
		if err := c.queue.admit(m); err != nil {
			return err
		}
		if m.late {
			c.out.namespace(b, monitor.KindNetNSBegin, m.id)
		}
	}
	c.retiring = append(c.retiring, leaving...)
	return nil
}

// retire ends the namespaces that are gone and of which everything was read.
func (c *Capture) retire(b *monitor.Batch) (err error) {
	if len(c.retiring) == 0 {
		return nil
	}
	c.retiring = slices.DeleteFunc(c.retiring, func(m *member) bool {
		// A loss and the end must fit into the batch.
		if err != nil || len(b.Events) > monitor.BatchSize-2 {
			return false
		}
		var done bool
		if done, err = c.queue.finish(m, b); !done || err != nil {
			return false
		}
		c.out.namespace(b, monitor.KindNetNSEnd, m.id)
		c.members.release(m)
		return true
	})
	return err
}

// Close ends the capture and unblocks Next.
func (c *Capture) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.wait.interrupt()
	if c.follower != nil {
		c.follower.Close()
	}
	c.mu.Lock() // the reader has left
	defer c.mu.Unlock()
	c.members.closeAll()
	c.queue.close()
	return c.wait.close()
}

// Way returns how events are captured: Ring or Socket.
func (c *Capture) Way() Way { return c.queue.way() }

// Stats returns the counters as they are now. It may be called at any time. Lost
// includes what no event of KindLost reports yet, because the reader has not come to it.
func (c *Capture) Stats() Stats {
	s := &c.out.stats
	left, lost, capacity := c.members.sum()
	return Stats{
		Received: s.received.Load(), Lost: s.lost.Load() + lost, Gaps: s.gaps.Load(), Malformed: s.malformed.Load(),
		Unknown: s.unknown.Load(), Forged: s.forged.Load(), Wakeups: s.wakeups.Load(),
		LeftOut: left, Capacity: c.queue.capacity() + capacity,
	}
}

// WhyNotRing returns why Open took sockets with Auto; nil if it took the ring or had
// no choice.
func (c *Capture) WhyNotRing() error { return c.notRing }

// WhyNotPushed returns why the reader applies Config.Push and not the kernel; nil if
// the kernel does, or if Push is empty. What comes is the same.
func (c *Capture) WhyNotPushed() error {
	if s, ok := c.queue.(interface{ whyNotPushed() error }); ok {
		return s.whyNotPushed()
	}
	return nil
}
