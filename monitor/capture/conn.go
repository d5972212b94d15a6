//go:build linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// The groups of NETLINK_NETFILTER that bear conntrack events
// (enum nfnetlink_groups).
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

// canceller ends a blocked read when a context ends, by a read deadline in the
// past. It watches one context at a time and starts no goroutine until that ends.
type canceller struct {
	conn interface{ SetReadDeadline(time.Time) error }
	ctx  context.Context
	stop func() bool
}

// watch is called before each read; with the same context again it costs nothing.
func (c *canceller) watch(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.ctx == ctx {
		return nil
	}
	if c.stop != nil {
		c.stop()
	}
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return netns.ClosedErr(err)
	}
	c.ctx = ctx
	c.stop = context.AfterFunc(ctx, func() { c.conn.SetReadDeadline(time.Unix(1, 0)) })
	return nil
}

// cause says why a read ended with err: the context, or a closed connection.
func (c *canceller) cause(ctx context.Context, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		return ctx.Err()
	}
	return netns.ClosedErr(err)
}

// clock keeps the times of a run in order: stamps of several CPUs, and of several
// clocks, may go back a little from one message to the next.
type clock struct{ last monitor.Time }

// clockStep is how far back a stamp must lie to be taken for a clock that was
// set, which is followed, and not for disorder, which is mended.
const clockStep = monitor.Time(time.Second)

// order lifts the event's time to that of the event before it, unless the clock
// was set back.
func (c *clock) order(e *monitor.Event) {
	if back := c.last - e.Time; back > 0 && back < clockStep {
		e.Time = c.last
	}
	c.last = e.Time
}

// appendLoss appends a KindLost event to the batch. The gap reaches to now.
func appendLoss(b *monitor.Batch, gap monitor.Gap, c *clock) {
	e := b.Add()
	e.Kind, e.Time, e.TimeSource = monitor.KindLost, monitor.Now(), monitor.TimeReceived
	c.order(e)
	gap.To = e.Time
	e.Gap = &gap
}

// statCounters are Stats that a reader in another goroutine may load.
type statCounters struct {
	received, lost, gaps, malformed, unknown, forged, wakeups, leftOut atomic.Uint64
	capacity                                                           atomic.Int64
}

func (s *statCounters) load() Stats {
	return Stats{
		Received: s.received.Load(), Lost: s.lost.Load(), Gaps: s.gaps.Load(), Malformed: s.malformed.Load(),
		Unknown: s.unknown.Load(), Forged: s.forged.Load(), Wakeups: s.wakeups.Load(), LeftOut: s.leftOut.Load(), Capacity: int(s.capacity.Load()),
	}
}
