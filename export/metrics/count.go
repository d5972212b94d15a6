package metrics

import (
	"time"

	"natlens/monitor"
)

// counts is what is counted by the event.
type counts struct {
	events    [eventKinds][protoSlots][stateSlots]uint64
	inferred  [eventKinds]uint64
	handshake [protoSlots]histogram
	lifetime  [protoSlots]histogram
}

// The kinds of events that the kernel sends: monitor.KindNew, KindUpdate,
// KindDestroy.
const (
	firstKind  = monitor.KindNew
	eventKinds = int(monitor.KindDestroy-firstKind) + 1
)

// Write counts the events of a batch. It never fails.
func (m *Metrics) Write(b *monitor.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.Events {
		m.counts.count(&b.Events[i])
	}
	return nil
}

// Close does nothing; it makes Metrics a sink.
func (m *Metrics) Close() error { return nil }

func (c *counts) count(e *monitor.Event) {
	kind := int(e.Kind) - int(firstKind)
	if kind < 0 || kind >= eventKinds {
		return // losses are in the monitor's own counters, and a dump's flows in the table
	}
	if e.Inferred {
		c.inferred[kind]++
		return
	}
	f := &e.Flow
	slot := slotOf[f.Orig.Proto]
	c.events[kind][slot][stateOf(f, e.Known())]++
	if e.Born == 0 {
		return
	}
	switch e.Kind {
	case monitor.KindUpdate:
		// A program that changes the flow has its state told anew: that is no
		// handshake.
		if e.Has&monitor.AttrState != 0 && f.State == established[slot] && f.State != 0 && e.PortID == 0 {
			c.handshake[slot].add(time.Duration(e.Time-e.Born), &handshakeBounds)
		}
	case monitor.KindDestroy:
		end := e.Time
		if e.Has&monitor.AttrStop != 0 {
			end = f.Stop // the event comes when the kernel cleans up, which may be a minute later
		}
		c.lifetime[slot].add(time.Duration(end-e.Born), &lifetimeBounds)
	}
}
