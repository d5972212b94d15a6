//go:build linux

package why

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/netns"
	"natlens/monitor/why"
)

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
