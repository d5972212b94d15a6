//go:build linux

package capture

import (
	"errors"
	"sync/atomic"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
)

// events turns messages into the events of batches, in the order of their times,
// and counts them.
type events struct {
	dec      ctnetlink.Decoder
	received uint64
	refused  uint64 // messages that are no conntrack events
	last     monitor.Time
	stats    counters
}

// counters are Stats that another goroutine may load.
type counters struct {
	received, lost, gaps, malformed, unknown, forged, wakeups atomic.Uint64
}

// decode appends the event of one message and returns it, or counts a message that
// is no event and returns nil. at is its time unless the kernel stamped it.
func (x *events) decode(
	msg []byte, at monitor.Time, source monitor.TimeSource, id monitor.NetNS, b *monitor.Batch,
) *monitor.Event {
	n := len(b.Events)
	if err := x.dec.Decode(msg, b); err != nil {
		if errors.Is(err, ctnetlink.ErrNotConntrack) {
			x.refused++
		}
		return nil
	}
	e := &b.Events[n]
	if e.TimeSource != monitor.TimeKernel {
		e.Time, e.TimeSource = at, source
	}
	if id != 0 {
		e.SetNetNS(id)
	}
	x.order(e)
	x.received++
	return e
}

// clockStep is how far back a time must be to be the step of a clock, which is
// followed, and not disorder, which is mended.
const clockStep = monitor.Time(1e9)

// order lifts the event's time to that of the event before it, unless the clock was
// set back: stamps of several CPUs, and of several clocks, may go back a little from
// one message to the next.
func (x *events) order(e *monitor.Event) {
	if back := x.last - e.Time; back > 0 && back < clockStep {
		e.Time = x.last
	}
	x.last = e.Time
}

// lose makes e the event of a loss. Its time is the end of the gap.
func (x *events) lose(e *monitor.Event, id monitor.NetNS, source monitor.TimeSource, gap monitor.Gap) {
	gap.Count = max(gap.Count, 1)
	gap.To = max(gap.To, gap.From)
	e.Kind, e.Time, e.TimeSource, e.Gap = monitor.KindLost, gap.To, source, &gap
	e.SetNetNS(id)
	x.last = max(x.last, gap.To)
	x.stats.gaps.Add(1)
	x.stats.lost.Add(gap.Count)
}

// namespace appends the beginning or the end of a network namespace.
func (x *events) namespace(b *monitor.Batch, kind monitor.Kind, id monitor.NetNS) {
	e := b.Add()
	e.Kind, e.Time, e.TimeSource = kind, monitor.Now(), monitor.TimeReceived
	e.SetNetNS(id)
	x.order(e)
}

// publish shows the decoder's counters to Stats. Messages that are no conntrack events
// count as malformed: only forged ones come, and only by the ring.
func (x *events) publish() {
	x.stats.received.Store(x.received)
	x.stats.malformed.Store(x.dec.Malformed + x.refused)
	x.stats.unknown.Store(x.dec.Unknown)
}
