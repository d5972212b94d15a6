//go:build linux

package capture

import (
	"errors"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
)

// events decodes messages into batches, in the order of their times, and counts them.
type events struct {
	dec   ctnetlink.Decoder
	last  monitor.Time
	stats Stats // without what the decoder and the members count

	received []uint64 // messages decoded, by the number of their namespace
}

// decode appends the event of one message and returns it. at is its time, unless the kernel
// stamped it. A message that is not a conntrack event counts as malformed, and decode returns
// nil: only another process can have sent it, and only by the ring.
func (x *events) decode(
	msg []byte, at monitor.Time, source monitor.TimeSource, id monitor.NetNS, b *monitor.Batch,
) *monitor.Event {
	n := len(b.Events)
	if err := x.dec.Decode(msg, b); err != nil {
		if errors.Is(err, ctnetlink.ErrNotConntrack) {
			x.stats.Malformed++
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
	x.stats.Received++
	if grow := int(id) + 1 - len(x.received); grow > 0 {
		x.received = append(x.received, make([]uint64, grow)...)
	}
	x.received[id]++
	return e
}

// clockStep separates a clock that was set back from stamps that are out of order. If a time is
// further back than this, the clock was set.
const clockStep = monitor.Time(1e9)

// order raises an event's time to that of the previous event, unless the clock was set back.
// Stamps of several CPUs and clocks can be a little out of order.
func (x *events) order(e *monitor.Event) {
	if back := x.last - e.Time; back > 0 && back < clockStep {
		e.Time = x.last
	}
	x.last = e.Time
}

// lose makes e an event of KindLost. Its time is the end of the gap.
func (x *events) lose(e *monitor.Event, id monitor.NetNS, source monitor.TimeSource, gap monitor.Gap) {
	gap.Count = max(gap.Count, 1)
	gap.To = max(gap.To, gap.From)
	e.Kind, e.Time, e.TimeSource, e.Gap = monitor.KindLost, gap.To, source, &gap
	e.SetNetNS(id)
	x.last = max(x.last, gap.To)
	x.stats.Gaps++
	x.stats.Lost += gap.Count
}

// namespace appends an event of the begin or end of a network namespace.
func (x *events) namespace(b *monitor.Batch, kind monitor.Kind, id monitor.NetNS) {
	e := b.Add()
	e.Kind, e.Time, e.TimeSource = kind, monitor.Now(), monitor.TimeReceived
	e.SetNetNS(id)
	x.order(e)
}
