//go:build linux

package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/netns"
)

// ringCapture reads events from a BPF ring buffer. A socket filter on a netlink
// socket that has joined the event groups copies each message there and lets
// none pass, so that the socket's own queue stays empty:
//
//	ctnetlink ─▶ netlink broadcast ─▶ filter ─▶ ring ─▶ Next
//
// Events are decoded where they lie. Next gives the memory of a batch back to
// the kernel when it is called the next time, which is when the batch's Raw
// bytes end.
//
// What the ring can't do: a socket filter is not told who sent a message. A
// program with CAP_NET_ADMIN over the network namespace can send messages to the
// groups that look like the kernel's; the socket way refuses and counts them
// (Stats.Forged), here they are events. A message whose length is not that of
// its datagram, which the kernel never sends, counts as malformed here.
type ringCapture struct {
	cfg   Config
	conn  *netlink.Conn
	mem   *ringMemory
	dec   ctnetlink.Decoder
	wall  *wallClock
	wait  ringWait
	clock clock

	records  recordReader
	pos      uint64 // position of the first record that was not read yet
	kept     uint64 // position of the last one that was: not given back while more are expected
	received uint64 // events
	refused  uint64 // messages that are no event of conntrack

	taps []*ringTap    // of the namespaces that are captured: one, or those of the roster
	last *ringTap      // of the record before; most often that of the next one
	told atomic.Bool   // some tap has a loss to tell that its counter does not show
	gaps []monitor.Gap // of the current batch

	ringEvery // only where every namespace is captured

	closed  atomic.Bool
	watcher sync.WaitGroup
	stats   statCounters
}

// ringTap is the program that fills the ring from one network namespace.
type ringTap struct {
	netns    monitor.NetNS
	counters ringCounters
	loss     ringLoss
}

// openRing starts to capture by a ring of cfg.Ring bytes. An error is a
// [RingError] if it is about the ring alone, so that the socket may still do.
func openRing(cfg Config) (*ringCapture, error) {
	if err := ringUsable(cfg); err != nil {
		return nil, err
	}
	ring, err := newRingMap(cfg.Ring)
	if err != nil {
		return nil, ringError(err)
	}
	defer ring.Close() // attached and mapped, it lives without us
	c, err := newRingCapture(cfg, ring)
	if err != nil {
		return nil, err
	}
	if err := c.setUp(ring); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// ringUsable says what forbids a ring before anything is tried.
func ringUsable(cfg Config) error {
	if !ringMachine {
		return &RingError{Reason: "the ring needs a 64-bit machine"}
	}
	if page := os.Getpagesize(); cfg.Ring%page != 0 {
		return &RingError{Reason: fmt.Sprintf("a ring of %d bytes is smaller than a page of %d", cfg.Ring, page)}
	}
	return nil
}

// newRingCapture returns the reader of a ring that nothing fills yet.
func newRingCapture(cfg Config, ring *ebpf.Map) (*ringCapture, error) {
	shift, err := bootShift()
	if err != nil {
		return nil, &RingError{err.Error(), err}
	}
	mem, err := mapRing(ring.FD(), cfg.Ring)
	if err != nil {
		return nil, ringError(err)
	}
	c := &ringCapture{
		cfg: cfg, mem: mem,
		wall: newWallClock(func() (int64, int64) { return bootAndWall(shift) }),
	}
	c.stats.capacity.Store(int64(cfg.Ring))
	// Close does not unmap: whoever reads may still be using a batch.
	runtime.AddCleanup(c, (*ringMemory).unmap, mem)
	if err := c.wait.open(ring.FD(), cfg, c.something); err != nil {
		return nil, err
	}
	return c, nil
}

// setUp opens the socket. The filter is there before the first group is joined,
// so that no message gets past it.
func (c *ringCapture) setUp(ring *ebpf.Map) error {
	tap, conn, err := openTap(c.cfg, ring, 0)
	if err != nil {
		return err
	}
	c.conn = conn
	runtime.AddCleanup(c, ringCounters.unmap, tap.counters)
	c.taps, c.last = []*ringTap{tap}, tap
	raw, err := c.conn.SyscallConn()
	if err != nil {
		return err
	}
	c.watcher.Go(func() { c.watchSocket(raw) })
	return join(c.conn, c.cfg.Kinds)
}

// openTap opens a socket in cfg's namespace whose messages go to the ring, with
// the given number, once it has joined a group. The caller unmaps the tap's
// counters.
func openTap(cfg Config, ring *ebpf.Map, id monitor.NetNS) (*ringTap, *netlink.Conn, error) {
	prog, err := newRingProgram(ring, cfg.Push, id)
	if err != nil {
		return nil, nil, ringError(err)
	}
	defer prog.close() // attached and mapped, it lives without us
	conn, err := netns.DialNetfilter(cfg.NetNS)
	if err != nil {
		return nil, nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_BPF, prog.prog.FD())
	})
	if refused != nil {
		err = ringError(fmt.Errorf("attach program: %w", refused))
	}
	tap := &ringTap{netns: id}
	if err == nil {
		tap.counters, err = mapCounters(prog)
	}
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return tap, conn, nil
}

// Way returns Ring.
func (c *ringCapture) Way() Way { return Ring }

// Stats returns the counters as they stand; it may be called at any time.
func (c *ringCapture) Stats() Stats {
	s := c.stats.load()
	s.LeftOut = c.leftOut()
	return s
}

// Dump opens the table of the namespace that is captured.
func (c *ringCapture) Dump(ctx context.Context) (monitor.Source, error) {
	return c.cfg.Dump(ctx, c.cfg.NetNS)
}

// Close ends the capture and unblocks Next.
func (c *ringCapture) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	err := c.wait.close()
	if c.conn != nil {
		err = errors.Join(err, c.conn.Close())
	}
	if c.ring != nil {
		err = errors.Join(err, c.ring.Close())
	}
	c.watcher.Wait()
	return err
}

// Next waits for records and fills the batch with what is there, up to its bound.
func (c *ringCapture) Next(ctx context.Context, b *monitor.Batch) error {
	for {
		if err := c.wait.watch(ctx); err != nil {
			return c.ended(err)
		}
		// Under load the reader looks by the clock, and no kernel wakes it.
		if c.wait.nap() {
			c.stats.wakeups.Add(1)
		}
		if err := c.Poll(b); err != nil || len(b.Events) > 0 {
			return err
		}
		// From here on the next record wakes the reader.
		c.kept = c.pos
		c.mem.consumed(c.pos)
		if err := c.wait.sleep(ctx); err != nil {
			return c.ended(err)
		}
		c.stats.wakeups.Add(1)
	}
}

// ended says why a wait failed.
func (c *ringCapture) ended(err error) error {
	if c.closed.Load() {
		return os.ErrClosed
	}
	return err
}

// something reports whether there is anything for Next to do.
func (c *ringCapture) something() bool {
	return c.mem.produced() != c.pos || c.told.Load() || c.roster.news()
}

// Poll fills the batch with what is there now, up to its bound.
//
// It keeps the last record that was read from the kernel. As long as the reader
// stands behind all new records the kernel does not wake it, and needn't: the
// reader is about to look by itself.
func (c *ringCapture) Poll(b *monitor.Batch) error {
	if c.closed.Load() {
		return os.ErrClosed
	}
	c.mem.consumed(c.kept)
	c.gaps = c.gaps[:0]
	told := c.told.Swap(false)
	before, start := len(b.Events), c.pos
	c.callRoll(b)
	empty := c.drain(b)
	if empty {
		for _, tap := range c.taps {
			c.lateLoss(b, tap, told)
		}
	} else if told {
		c.told.Store(true) // it belongs behind what is still to be read
	}
	c.retire(b)
	c.wait.filled(len(b.Events)-before, c.pos-start, empty)
	c.publish()
	return nil
}

// drain decodes records into the batch until it is full or the ring is empty.
func (c *ringCapture) drain(b *monitor.Batch) (empty bool) {
	end := c.mem.produced()
	// A record may make two events, a loss and its own, and the end one loss more.
	for len(b.Events) < monitor.BatchSize-2 {
		if c.pos == end {
			if end = c.mem.produced(); c.pos == end {
				return true
			}
		}
		rec, next, ok := c.mem.record(c.pos)
		if !ok {
			return true
		}
		if rec != nil {
			c.take(rec, b)
		}
		c.kept, c.pos = c.pos, next
	}
	return false
}

// take decodes one record.
func (c *ringCapture) take(b []byte, batch *monitor.Batch) {
	rec := c.records.parse(b)
	at := c.wall.at(rec.stamp)
	if rec.netns != c.last.netns && !c.turnTo(rec.netns, batch) {
		c.refused++
		return
	}
	if rec.full {
		if lost := c.last.loss.before(rec.drops); lost > 0 {
			c.takeAfterLoss(rec, at, lost, batch)
			return
		}
	}
	c.takeMessage(rec.msg, at, batch)
}

// takeMessage appends the event of one message, or counts it and returns nil.
func (c *ringCapture) takeMessage(msg []byte, at monitor.Time, batch *monitor.Batch) *monitor.Event {
	before := len(batch.Events)
	if !c.decode(msg, batch) {
		return nil
	}
	e := &batch.Events[before]
	if e.TimeSource != monitor.TimeKernel {
		e.Time, e.TimeSource = at, monitor.TimeRing
	}
	if c.last.netns != 0 {
		e.SetNetNS(c.last.netns)
	}
	c.clock.order(e)
	c.received++
	return e
}

// takeAfterLoss appends a loss and the event that ends it.
func (c *ringCapture) takeAfterLoss(rec record, at monitor.Time, lost uint64, batch *monitor.Batch) {
	gap := monitor.Gap{Count: lost, From: c.clock.last, To: at}
	n := len(batch.Events)
	batch.Add()
	if e := c.takeMessage(rec.msg, at, batch); e != nil {
		gap.To = e.Time
	}
	c.lose(&batch.Events[n], c.last, gap)
}

// decode appends the event of one message. What is none is counted, and the
// stream goes on.
func (c *ringCapture) decode(msg []byte, b *monitor.Batch) bool {
	n := binary.NativeEndian.Uint32(msg)
	if n < unix.NLMSG_HDRLEN || uint64(n) > uint64(len(msg)) {
		c.refused++ // the program's mark for a length that contradicts the datagram
		return false
	}
	err := c.dec.Decode(msg[:n:n], b)
	if errors.Is(err, ctnetlink.ErrNotConntrack) {
		c.refused++
	}
	return err == nil
}

// publish shows the reader's own counters to Stats.
func (c *ringCapture) publish() {
	c.stats.received.Store(c.received)
	c.stats.malformed.Store(c.dec.Malformed + c.refused)
	c.stats.unknown.Store(c.dec.Unknown)
}
