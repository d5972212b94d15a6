//go:build linux

package why

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

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

// routes sets the facts about routing: the routes to the target and back, as for the packet and
// its answer, whether this host forwards, and the state of the neighbour entry. Call it on a thread in the namespace.
func (w *watcher) routes() error {
	f := &w.facts
	source, target := f.Packet.First.Src.Addr(), f.Packet.Last.Dst.Addr()
	if f.Flow != nil {
		target = f.Flow.DeliveredTo().Addr.Netip()
	}
	f.There = routeTo(target, source, f.Packet.In)
	in := f.There.Dev
	if f.Locals.Has(monitor.AddrFrom(target)) {
		in = "" // this host sends the answer
	}
	f.Back = routeTo(source, target, in)
	on, err := netns.ReadSysctl(w.ns, why.Forwarding(target))
	f.Forwarding = err != nil || on != "0"
	f.Neighbour = neighbour(&f.There, target)
	return nil
}

// routeTo returns the route of a packet that arrived on the interface in ("": this host sends
// it). If rp_filter drops the packet, Filter is set, and the route is that of this host.
func routeTo(to, from netip.Addr, in string) (r why.Route) {
	all, err := netlink.RouteGetWithOptions(to.AsSlice(), &netlink.RouteGetOptions{Iif: in, SrcAddr: from.AsSlice()})
	if errors.Is(err, unix.EXDEV) {
		r.Filter = true
		all, err = netlink.RouteGet(to.AsSlice())
	}
	if err != nil || len(all) == 0 {
		r.Missing = true
		return r
	}
	via, _ := netip.AddrFromSlice(all[0].Gw)
	r.Via = via.Unmap()
	if link, err := netlink.LinkByIndex(all[0].LinkIndex); err == nil {
		r.Dev = link.Attrs().Name
	}
	return r
}

var neighbourStates = map[int]string{
	netlink.NUD_INCOMPLETE: "INCOMPLETE", netlink.NUD_REACHABLE: "REACHABLE", netlink.NUD_STALE: "STALE",
	netlink.NUD_DELAY: "DELAY", netlink.NUD_PROBE: "PROBE", netlink.NUD_FAILED: "FAILED",
	netlink.NUD_NOARP: "NOARP", netlink.NUD_PERMANENT: "PERMANENT",
}

// neighbour returns the state, in the words of ip-neighbour(8), of the next hop of a route to the
// target; "" if there is no entry or it can't be read.
func neighbour(r *why.Route, target netip.Addr) string {
	if r.Via.IsValid() {
		target = r.Via
	}
	link, err := netlink.LinkByName(r.Dev)
	if err != nil {
		return ""
	}
	all, err := netlink.NeighList(link.Attrs().Index, 0)
	if err != nil {
		return ""
	}
	for _, n := range all {
		if a, ok := netip.AddrFromSlice(n.IP); ok && a.Unmap() == target {
			return neighbourStates[n.State]
		}
	}
	return ""
}

// counters returns the counters of conntrack and of rp_filter by name, and sets the facts about
// the size of the table.
func (w *watcher) counters(ctx context.Context) (map[string]uint64, error) {
	r, err := w.meter.Read(ctx, w.ns)
	if err != nil {
		return nil, err
	}
	w.facts.Entries, w.facts.Max = r.Entries, r.Max
	r.Counters[why.ReversePath], err = netstat(w.ns, why.ReversePath)
	return r.Counters, err
}

// compare sets facts.Grown to the difference of the counters now and before.
func (w *watcher) compare(ctx context.Context) error {
	now, err := w.counters(ctx)
	w.facts.Grown = map[string]uint64{}
	for _, name := range []string{"drop", "early_drop", "insert_failed", "chaintoolong", why.ReversePath} {
		w.facts.Grown[name] = now[name] - w.before[name]
	}
	return err
}

// netstat returns a counter of /proc/net/netstat, 0 if the file does not have it. In that file
// each line of names is followed by a line of values.
func netstat(ns int, name string) (n uint64, err error) {
	err = netns.Do(ns, func() error {
		text, err := os.ReadFile("/proc/thread-self/net/netstat")
		lines := strings.Split(string(text), "\n")
		for i := 0; i+1 < len(lines); i += 2 {
			values := strings.Fields(lines[i+1])
			if at := slices.Index(strings.Fields(lines[i]), name); at >= 0 && at < len(values) {
				n, err = strconv.ParseUint(values[at], 10, 64)
			}
		}
		return err
	})
	return n, err
}
