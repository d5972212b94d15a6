//go:build linux

package capture

import (
	"errors"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
)

// events turns messages into the events of batches, in the order of their times,
// and counts them.
type events struct {
	dec   ctnetlink.Decoder
	last  monitor.Time
	stats Stats // without what the decoder and the members count
}

// decode appends the event of one message and returns it, or counts a message that
// is no event and returns nil. at is its time unless the kernel stamped it. Messages that
// are no conntrack events count as malformed: only forged ones come, and only by the ring.
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
	x.stats.Gaps++
	x.stats.Lost += gap.Count
}

// namespace appends the beginning or the end of a network namespace.
func (x *events) namespace(b *monitor.Batch, kind monitor.Kind, id monitor.NetNS) {
	e := b.Add()
	e.Kind, e.Time, e.TimeSource = kind, monitor.Now(), monitor.TimeReceived
	e.SetNetNS(id)
	x.order(e)
}
