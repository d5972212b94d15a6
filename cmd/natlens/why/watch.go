//go:build linux

package why

import (
	"context"
	"fmt"
	"time"

	"natlens/monitor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
	"natlens/monitor/netns"
	"natlens/monitor/trace"
	"natlens/monitor/why"
)

// watcher waits for a packet and its answers, and collects facts. ns is the file descriptor of
// the network namespace (0: the caller's).
type watcher struct {
	ns     int
	tracer *trace.Tracer
	flows  *kernel.Service
	facts  why.Facts
	wanted string // filter that selects the packet
	meter  probe.Meter
	before map[string]uint64 // counters
}

// answerTime is how long to wait for the answer to a packet. A TCP client repeats its SYN after
// one and after three seconds. The flow is looked up after each slice of this time.
const (
	answerTime = 4 * time.Second
	slice      = 100 * time.Millisecond
)

// watch waits for a packet, at most for the time most, and then for its answer. If ctx ends
// early, the facts are those collected until then.
func (w *watcher) watch(ctx context.Context, most time.Duration) error {
	began := time.Now()
	if err := w.wait(ctx, most, func() bool { return w.facts.Packet != nil }); err != nil {
		return err
	}
	w.facts.Waited = time.Since(began)
	reading := context.WithoutCancel(ctx)
	if w.facts.Packet == nil {
		return w.compare(reading)
	}
	err := w.wait(ctx, answerTime, func() bool {
		w.lookUp(reading)
		return w.facts.Settled()
	})
	if err != nil {
		return err
	}
	if err := netns.Do(w.ns, w.routes); err != nil {
		return err
	}
	w.others(reading)
	return w.compare(reading)
}

// wait traces until done returns true, at most for the time most.
func (w *watcher) wait(ctx context.Context, most time.Duration, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for !done() && ctx.Err() == nil {
		part, cancel := context.WithTimeout(ctx, slice)
		err := w.tracer.Run(part, w.take)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// kept is the maximum number of answers that are kept.
const kept = 4

// take adds a packet to the facts if it is the first one, an answer to it, or a stray.
func (w *watcher) take(p *trace.Packet) error {
	f := &w.facts
	first, answer := f.Packet, p.Answer || p.Flow.Reply
	switch {
	case first == nil && !answer && p.First.Flags&why.RST == 0:
		f.Packet, f.Forwards = p, w.tracer.Forwards(&p.First)
	case first == nil || !answer && p.First.Dst == first.First.Dst:
		// The packet is from another flow, or is a retransmission.
	case answer && p.Flow.ID == first.Flow.ID && (p.Flow.ID != 0 || p.Last.Dst.Addr() == first.First.Src.Addr()):
		if len(f.Answers) < kept {
			f.Answers = append(f.Answers, p)
		}
	case f.Flow != nil && p.First.Dst == why.AddrPort(f.Flow.SentAs()) && len(f.Strays) < kept:
		f.Strays = append(f.Strays, p)
	}
	return nil
}

// lookUp reads the flow from the kernel's table. When it first finds it, it also traces packets
// from the target, to see an answer that conntrack does not assign to the flow.
func (w *watcher) lookUp(ctx context.Context) {
	f := &w.facts
	if f.Flow == nil {
		if f.Flow = w.find(ctx); f.Flow == nil {
			return
		}
		to := f.Flow.DeliveredTo()
		if e, err := filter.Parse(fmt.Sprintf("%s src %s sport %d", f.Proto, to.Addr.Netip(), to.Port)); err == nil {
			_ = w.tracer.Also(e) // on error only strays are missing
		}
		return
	}
	var b monitor.Batch
	if w.flows.Get(ctx, &monitor.Flow{Orig: f.Flow.Orig, Zone: f.Flow.Zone}, &b) == nil && len(b.Events) == 1 {
		f.Flow = &b.Events[0].Flow
	}
}

// find returns the flow of the packet, or nil. It looks it up by addresses in zone 0, and then
// searches the whole table.
func (w *watcher) find(ctx context.Context) (found *monitor.Flow) {
	if found = w.facts.Packet.Find(ctx, w.flows); found != nil {
		return found
	}
	id, orig := w.facts.Packet.Flow.ID, w.facts.Packet.First.Tuple()
	w.each(ctx, w.wanted, func(f *monitor.Flow) {
		same := f.Orig
		same.Zone = 0
		if id != 0 && f.ID == id || id == 0 && same == orig {
			one := *f
			found = &one
		}
	})
	return found
}

// each calls f for each flow in the table that the filter selects. The flow is valid until f
// returns. Errors end it early without a report.
func (w *watcher) each(ctx context.Context, wanted string, f func(*monitor.Flow)) {
	expr, err := filter.Parse(wanted)
	if err != nil {
		return
	}
	dump, err := kernel.DumpWith(ctx, kernel.DumpConfig{NetNS: w.ns, Push: expr})
	if err != nil {
		return
	}
	defer dump.Close()
	match := filter.Compile(expr, filter.Env{})
	_ = monitor.Each(ctx, dump, func(e *monitor.Event) {
		if match(e) {
			f(&e.Flow)
		}
	})
}

// others sets facts.Others, unless the target answered the packet's flow too.
func (w *watcher) others(ctx context.Context) {
	f := w.facts.Flow
	if f == nil || f.Status&monitor.SeenReply != 0 {
		return
	}
	to := f.DeliveredTo()
	wanted := fmt.Sprintf("%s reply.src %s reply.sport %d", w.facts.Proto, to.Addr.Netip(), to.Port)
	w.each(ctx, wanted, func(other *monitor.Flow) {
		if other.Status&monitor.SeenReply != 0 && other.Orig.Src != f.Orig.Src {
			w.facts.Others++
		}
	})
}
