//go:build !nometrics

package metrics

import (
	"maps"
	"time"

	"natlens/monitor"
)

// counts are the counts of events of one namespace.
type counts struct {
	events    [eventKinds][protoSlots][stateSlots]uint64
	inferred  [eventKinds]uint64
	handshake [protoSlots]histogram
	lifetime  [protoSlots]histogram
	bytes     [natKinds][2]uint64  // by direction
	counted   map[uint64][2]uint64 // bytes of flows that live and are in bytes, or were counted before the run; by Gen
}

const natKinds = monitor.NATBoth + 1

// The kinds of events that the kernel sends: KindNew, KindUpdate and KindDestroy.
const (
	firstKind  = monitor.KindNew
	eventKinds = int(monitor.KindDestroy-firstKind) + 1
)

// Write counts the events of a batch. It never fails.
func (m *Metrics) Write(b *monitor.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.Events {
		e := &b.Events[i]
		if m.last == nil || e.Flow.Orig.NetNS != m.lastOf {
			m.count(e.Flow.Orig.NetNS)
		}
		m.last.count(e)
	}
	return nil
}

// maxGone is the maximum number of ended namespaces with counts, in case nothing scrapes.
const maxGone = 1024

// count selects the counts of a namespace for the next events.
func (m *Metrics) count(id monitor.NetNS) {
	c := m.counts[id]
	if c == nil {
		if named := labelsOf(m.cfg.Namespaces); len(m.counts) > len(named)+maxGone {
			maps.DeleteFunc(m.counts, func(id monitor.NetNS, _ *counts) bool {
				_, exists := named[id]
				return !exists
			})
		}
		c = new(counts)
		m.counts[id] = c
	}
	m.last, m.lastOf = c, id
}

// Close does nothing; it makes Metrics a sink.
func (m *Metrics) Close() error { return nil }

func (c *counts) count(e *monitor.Event) {
	c.countBytes(e)
	kind := int(e.Kind) - int(firstKind)
	if kind < 0 || kind >= eventKinds {
		return // the loop counts losses, and the table the flows of a dump
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
		// A program that changes the flow makes the kernel send its state again,
		// which is no handshake.
		name := f.State.Name(f.Orig.Proto)
		if e.Has&monitor.AttrState != 0 && (name == "ESTABLISHED" || name == "OPEN") && e.PortID == 0 { // OPEN: DCCP
			c.handshake[slot].add(time.Duration(e.Time-e.Born), &handshakeBounds)
		}
	case monitor.KindDestroy:
		end := e.Time
		if e.Has&monitor.AttrStop != 0 {
			end = f.Stop // the kernel may send the event up to a minute later
		}
		c.lifetime[slot].add(time.Duration(end-e.Born), &lifetimeBounds)
	}
}

// countBytes adds what a flow's counters have grown since its last event with counters. The bytes
// that a flow had before the run are not counted.
func (c *counts) countBytes(e *monitor.Event) {
	if !e.Known().Any(monitor.AttrCountersOrig|monitor.AttrCountersReply) || e.Unkept {
		return
	}
	now, old := [2]uint64{e.Flow.CountersOrig.Bytes, e.Flow.CountersReply.Bytes}, c.counted[e.Gen]
	if c.counted == nil {
		c.counted = map[uint64][2]uint64{}
	}
	for way := range now {
		if now[way] < old[way] { // a program reset the counters
			old[way] = 0
		}
		if e.Kind != monitor.KindExisting {
			c.bytes[e.Flow.NAT().Kind][way] += now[way] - old[way]
		}
	}
	if c.counted[e.Gen] = now; e.Kind == monitor.KindDestroy {
		delete(c.counted, e.Gen)
	}
}

// bounds are the upper bounds of a histogram's buckets. Longer durations have no bucket.
type bounds [16]time.Duration

var handshakeBounds = bounds{
	100 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond,
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second,
	2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

var lifetimeBounds = bounds{
	100 * time.Millisecond, time.Second, 5 * time.Second, 10 * time.Second,
	20 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute,
	3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 4 * time.Hour, 24 * time.Hour, 5 * 24 * time.Hour,
}

// histogram counts durations by bucket. The caller passes its bounds.
type histogram struct {
	buckets [len(bounds{})]uint64 // each without the shorter ones
	n       uint64
	sum     float64 // seconds
}

func (h *histogram) add(d time.Duration, at *bounds) {
	d = max(d, 0) // two clocks may disagree
	h.n++
	h.sum += d.Seconds()
	for i := range at {
		if d <= at[i] {
			h.buckets[i]++
			return
		}
	}
}
