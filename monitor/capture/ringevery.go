//go:build linux

package capture

import (
	"runtime"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/mdlayher/netlink"

	"natlens/monitor"
)

// ringEvery is what a ring has in addition that many namespaces share: a tap
// each. The programs write into one ring, so that there is one queue, and its
// order is that of the events over all namespaces; each program counts what it
// could not write, so that a loss is told with its namespace.
//
//	namespace 1 ─▶ program 1 ─┐
//	namespace 2 ─▶ program 2 ─┼─▶ ring ─▶ Next        counters 1, 2, 3
//	namespace 3 ─▶ program 3 ─┘
type ringEvery struct {
	roster   *roster // nil: one namespace is captured, and nothing of this is used
	ring     *ebpf.Map
	byNumber map[monitor.NetNS]*ringTap
	retiring []*member
}

// openRingEvery returns a ring that no namespace is captured into yet.
func openRingEvery(cfg Config) (*ringCapture, error) {
	if err := ringUsable(cfg); err != nil {
		return nil, err
	}
	ring, err := newRingMap(cfg.Ring)
	if err != nil {
		return nil, ringError(err)
	}
	c, err := newRingCapture(cfg, ring)
	if err != nil {
		ring.Close()
		return nil, err
	}
	c.records.tagged = true
	c.ring, c.byNumber, c.last = ring, map[monitor.NetNS]*ringTap{}, &ringTap{}
	return c, nil
}

func (c *ringCapture) enrol(r *roster) { c.roster = r }

func (c *ringCapture) interrupt() { c.wait.interrupt() }

// prepare opens what captures the member's namespace, but for the groups.
func (c *ringCapture) prepare(m *member) (*netlink.Conn, error) {
	cfg := c.cfg
	cfg.NetNS = int(m.file.Fd())
	tap, conn, err := openTap(cfg, c.ring, m.id)
	if err != nil {
		return nil, err
	}
	m.tap = tap
	// As with the ring itself: whoever still reads the counters keeps them.
	runtime.AddCleanup(tap, ringCounters.unmap, tap.counters)
	return conn, nil
}

// failed takes an error from a member's socket, for the follower, which waits for
// them: nothing is ever queued there.
func (c *ringCapture) failed(m *member) { c.takeSocketError(m.fd, m.tap) }

// callRoll admits the namespaces that came, and closes the sockets of those that
// are gone: behind what is in the ring by then nothing of them comes.
func (c *ringCapture) callRoll(b *monitor.Batch) {
	if !c.roster.news() {
		return
	}
	arrived, leaving := c.roster.take()
	for _, m := range arrived {
		c.byNumber[m.id] = m.tap
		c.taps = append(c.taps, m.tap)
		if m.late {
			appendNetNS(b, monitor.KindNetNSBegin, m.id, &c.clock)
		}
	}
	for _, m := range leaving {
		c.roster.deafen(m)
		m.until = c.mem.produced()
	}
	c.retiring = append(c.retiring, leaving...)
}

// turnTo makes the tap of a namespace the one whose records are read. It returns
// false if there is none.
func (c *ringCapture) turnTo(netns monitor.NetNS, b *monitor.Batch) bool {
	tap := c.byNumber[netns]
	if tap == nil {
		c.callRoll(b) // it came just now
		if tap = c.byNumber[netns]; tap == nil {
			return false
		}
	}
	c.last = tap
	return true
}

// retire ends the namespaces that are gone and of which everything was read.
func (c *ringCapture) retire(b *monitor.Batch) {
	if len(c.retiring) == 0 {
		return
	}
	c.retiring = slices.DeleteFunc(c.retiring, func(m *member) bool {
		if c.pos < m.until || len(b.Events) >= monitor.BatchSize {
			return false
		}
		c.lastLoss(b, m.tap)
		appendNetNS(b, monitor.KindNetNSEnd, m.id, &c.clock)
		delete(c.byNumber, m.id)
		c.taps = slices.DeleteFunc(c.taps, func(t *ringTap) bool { return t == m.tap })
		if c.last == m.tap {
			c.last = &ringTap{}
		}
		c.roster.dismiss(m)
		return true
	})
	if len(c.retiring) > 0 {
		c.roster.waiting.Store(true) // look again, though no record may come
	}
}

// lastLoss appends what was lost in a namespace that is gone: no record tells of
// it any more.
func (c *ringCapture) lastLoss(b *monitor.Batch, tap *ringTap) {
	pending := tap.loss.take()
	gap := monitor.Gap{Count: pending.count + tap.counters.drops() - tap.loss.seen, Uncertain: pending.uncertain}
	if gap == (monitor.Gap{}) {
		return
	}
	tap.loss.seen = tap.counters.drops()
	gap.Count = max(gap.Count, 1)
	gap.From, gap.To = c.clock.last, max(c.clock.last, c.wall.moment())
	c.clock.last = gap.To
	c.lose(b.Add(), tap, gap)
}

// leftOut returns how many events the filter did not want, in all namespaces.
func (c *ringCapture) leftOut() (n uint64) {
	if c.roster == nil {
		return c.taps[0].counters.leftOut()
	}
	c.roster.mu.Lock()
	defer c.roster.mu.Unlock()
	n = c.roster.left
	for _, m := range c.roster.members {
		n += m.tap.counters.leftOut()
	}
	return n
}
