//go:build linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/netns"
)

// Capture is a live source of the events of one network namespace or of all.
//
// Events of one namespace are in the order in which they happened. With the ring, all
// namespaces share one queue, so all events are in this order. With sockets, events of
// different namespaces are in the order in which the sockets were read.
//
// A namespace that is found after Open has returned begins with an event of KindNetNSBegin.
// Earlier flows are only in its table ([Capture.Dump]): flows that began before there was a
// listener send no events (nf_conntrack_events=2). A namespace ends with an event of
// KindNetNSEnd, when it is mounted nowhere and no process is in it. The capture keeps it alive
// until then, which delays its end by up to two scans.
type Capture struct {
	cfg      Config
	way      Way
	wait     *waiter
	pace     pace
	names    *monitor.Namespaces
	follower *netns.Follower // nil with one namespace
	notRing  error           // why this is not a ring, with Auto
	ending   sync.WaitGroup  // goroutines that follow the addresses of ended namespaces

	reader sync.Mutex // held while the caller reads

	mu       sync.Mutex // guards the fields below; the reader does not hold it while it waits
	closed   bool
	queue    queue
	out      events
	members  map[monitor.NetNS]*member
	begun    []monitor.NetNS // found, KindNetNSBegin not sent yet
	retiring []*member       // ended, but not read to the end yet
	left     uint64          // events left out in ended namespaces
}

var _ monitor.Live = (*Capture)(nil)

// Open starts to capture. After it returns, every event is delivered or reported as lost. With
// Auto it uses the ring if possible, and sockets otherwise; [Capture.WhyNotRing] then returns
// the reason. Without CAP_NET_ADMIN the error wraps [netns.ErrPrivilege]. With Config.All, an
// error means that not even the caller's own namespace can be captured.
func Open(cfg Config) (*Capture, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if cfg.Way == Socket {
		return open(cfg, Socket)
	}
	c, err := open(cfg, Ring)
	var without *RingError
	switch {
	case !errors.As(err, &without):
		return c, err
	case cfg.Way == Ring:
		return nil, fmt.Errorf("capture by ring: %w", err)
	}
	if c, err = open(cfg, Socket); err == nil {
		c.notRing = without
	}
	return c, err
}

func open(cfg Config, way Way) (*Capture, error) {
	c := &Capture{cfg: cfg, way: way, names: new(monitor.Namespaces), members: map[monitor.NetNS]*member{}}
	c.out.last = monitor.Now()
	if cfg.All != nil && cfg.All.Names != nil {
		c.names = cfg.All.Names
	}
	var err error
	if c.wait, err = newWaiter(); err != nil {
		return nil, err
	}
	base := shared{cfg, &c.out, c.wait, c.members}
	if way == Ring {
		c.queue, err = openRing(base)
	} else {
		c.queue = &sockets{shared: base, mm: newMmsgReader()}
	}
	if err != nil {
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

// add opens a member's socket, joins its groups and starts to read it.
func (c *Capture) add(m *member) error {
	conn, err := c.queue.open(m)
	if err != nil {
		m.closeSocket()
		return err
	}
	defer conn.Close() // the second descriptor keeps the socket open
	c.mu.Lock()
	defer c.mu.Unlock()
	if err = join(conn, c.cfg.Kinds); err == nil {
		err = c.wait.add(m.fd, int32(m.id), c.queue.awaited())
	}
	if err != nil {
		m.closeSocket()
		return err
	}
	c.members[m.id] = m
	if m.late {
		c.begun = append(c.begun, m.id)
	}
	c.wait.interrupt()
	return nil
}

// join joins the groups of the kinds of events. Their numbers are in enum nfnetlink_groups.
func join(conn *netlink.Conn, wanted filter.KindSet) error {
	for i, kind := range []monitor.Kind{monitor.KindNew, monitor.KindUpdate, monitor.KindDestroy} {
		if group := uint32(i + 1); wanted.Has(kind) {
			if err := conn.JoinGroup(group); err != nil {
				return fmt.Errorf("join conntrack event group %d: %w", group, netns.Privilege(err))
			}
		}
	}
	return nil
}

// Next waits for events and adds those that are queued to the batch, up to BatchSize.
func (c *Capture) Next(ctx context.Context, b *monitor.Batch) error {
	c.reader.Lock()
	defer c.reader.Unlock()
	for woken := false; ; {
		if err := c.wait.watch(ctx); err != nil {
			return err
		}
		woken = c.pace.nap() || woken
		again, err := c.poll(b, woken)
		if err != nil || len(b.Events) > 0 {
			return err
		}
		if woken = false; again || c.pace.interval > 0 {
			continue
		}
		if err := c.wait.wait(); err != nil {
			return err
		}
		if len(c.wait.found) > 0 {
			woken = true
			time.Sleep(shortNap) // let more events arrive
		}
	}
}

// Poll adds the queued events to the batch, up to BatchSize.
func (c *Capture) Poll(b *monitor.Batch) error {
	c.reader.Lock()
	defer c.reader.Unlock()
	_, err := c.poll(b, false)
	return err
}

// poll reads the queue. again reports that an ended namespace is not read to its end yet.
func (c *Capture) poll(b *monitor.Batch, woken bool) (again bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false, os.ErrClosed
	}
	if woken {
		c.out.stats.Wakeups++
	}
	for _, id := range c.begun {
		c.out.namespace(b, monitor.KindNetNSBegin, id)
	}
	c.begun = c.begun[:0]
	found, err := c.queue.read(b)
	if err != nil {
		return false, err
	}
	c.pace.after(found)
	err = c.retire(b)
	return len(c.retiring) > 0, err
}

// retire removes ended namespaces whose events are all read.
func (c *Capture) retire(b *monitor.Batch) (err error) {
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
		c.release(m)
		return true
	})
	return err
}

// release closes a member.
func (c *Capture) release(m *member) {
	if m.stop != nil {
		c.ending.Go(m.stop)
	}
	c.names.End(m.id)
	c.left += m.leftOut()
	delete(c.members, m.id)
	m.closeSocket()
	if m.file != nil {
		m.file.Close()
	}
}

// Close ends the capture and unblocks Next.
func (c *Capture) Close() error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	c.wait.interrupt()
	if c.follower != nil {
		c.follower.Close()
	}
	defer c.ending.Wait()
	c.reader.Lock() // wait until the reader has returned
	defer c.reader.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		c.release(m)
	}
	c.queue.close()
	return c.wait.close()
}

// Way returns how events are captured: Ring or Socket.
func (c *Capture) Way() Way { return c.way }

// Stats returns the current counters. It may be called at any time. Lost includes events that
// no event of KindLost has reported yet.
func (c *Capture) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.out.stats
	s.Malformed += c.out.dec.Malformed
	s.Unknown = c.out.dec.Unknown
	s.LeftOut = c.left
	if c.way == Ring {
		s.Capacity = c.cfg.Ring
	}
	for _, m := range c.members {
		s.LeftOut += m.leftOut()
		s.Lost += c.queue.unreported(m)
		s.Capacity += m.size
	}
	return s
}

// Received returns how many messages of a namespace were decoded since Open.
func (c *Capture) Received(id monitor.NetNS) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if int(id) >= len(c.out.received) {
		return 0
	}
	return c.out.received[id]
}

// WhyNotRing returns why Auto uses sockets; nil with the ring, or if Config.Way was not Auto.
func (c *Capture) WhyNotRing() error { return c.notRing }

// WhyNotPushed returns why the reader applies Config.Push and not the kernel; nil if the kernel
// does, or if Push is empty. The events are the same in both cases.
func (c *Capture) WhyNotPushed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		if m.unpushed != nil {
			return m.unpushed
		}
	}
	return nil
}

// IDs returns the numbers of the namespaces that are captured now. It is 0 if there is only
// one.
func (c *Capture) IDs() (all []monitor.NetNS) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.members {
		all = append(all, id)
	}
	return all
}

// With calls f with the descriptor of a captured namespace (0: the caller's), which stays open
// until f returns. ok is false if the namespace has ended.
func (c *Capture) With(id monitor.NetNS, f func(ns int) error) (ok bool, err error) {
	c.mu.Lock()
	m := c.members[id]
	ns := 0
	if m != nil && m.ns != 0 {
		ns, err = unix.FcntlInt(uintptr(m.ns), unix.F_DUPFD_CLOEXEC, 0)
	}
	c.mu.Unlock()
	if m == nil || err != nil {
		return m != nil, os.NewSyscallError("fcntl", err)
	}
	if ns != 0 {
		defer unix.Close(ns)
	}
	return true, f(ns)
}
