package findings

import (
	"hash/maphash"

	"natlens/monitor"
)

// Limits of a window.
const (
	maxHosts        = 1 << 14
	maxPairs        = 1 << 18 // pairs of a host and a destination; a pair takes some 16 bytes
	maxDestinations = 8192    // of one host, unless the threshold is above
)

// window counts the new flows of a span of time, which the table does not contain:
//
//	│◀──── window ────▶│◀──── window ────▶│
//	  ▲   ▲   ▲   ▲   ▲: findings that reach their threshold appear
//	                  └ findings below half of it are cleared
type window struct {
	began   monitor.Time
	checked monitor.Time

	hosts     tally[key, inside]
	pairs     map[uint64]struct{} // hosts with a destination, hashed
	seed      maphash.Seed
	most      uint64 // destinations of one host that are counted
	resolvers tally[key, recent]

	counters map[monitor.NetNS]map[string]uint64 // at the beginning of the window; nil: unknown
	moved    map[monitor.NetNS]map[string]uint64 // now
	asked    map[monitor.NetNS]*tallied[key, recent]
}

// inside counts the flows of an inside host.
type inside struct {
	recent
	destinations uint64 // distinct ones
}

// recent are the latest flows of a group.
type recent struct {
	last [2]ref
	next uint8
}

func (r *recent) add(e *monitor.Event) {
	r.last[r.next] = ref{e.Row, e.Gen}
	r.next ^= 1
}

// observe counts the new flows of some events.
func (w *window) observe(events []monitor.Event) {
	for i := range events {
		e := &events[i]
		if e.Kind != monitor.KindNew || e.Inferred {
			continue
		}
		t := &e.Flow.Orig
		if t.Proto == monitor.UDP && t.DstPort == 53 {
			if r := w.resolvers.add(key{addr: t.Dst, netns: t.NetNS}); r != nil {
				r.value.add(e)
			}
		}
		if !isInside(&e.Flow) {
			continue
		}
		if h := w.hosts.add(key{addr: t.Src, netns: t.NetNS}); h != nil {
			h.value.add(e)
			if h.value.destinations < w.most {
				w.reaches(&h.value, t)
			}
		}
	}
}

// reaches counts the destination of a flow, once for each host and window.
func (w *window) reaches(h *inside, t *monitor.Tuple) {
	pair := maphash.Comparable(w.seed, key{t.Src, t.Dst, 0, t.DstPort, t.NetNS, t.Proto})
	if _, ok := w.pairs[pair]; !ok && len(w.pairs) < maxPairs {
		w.pairs[pair] = struct{}{}
		h.destinations++
	}
}

// isInside reports whether a flow comes from a host on the inside: its address is
// private, hidden by NAT, or one of this host.
func isInside(f *monitor.Flow) bool {
	if f.Status&monitor.SrcNAT != 0 || f.Path == monitor.PathOut || f.Path == monitor.PathLoop {
		return true
	}
	a := &f.Orig.Src
	return a.Netip().IsPrivate() || a.Is4() && a[12] == 100 && a[13]&0xc0 == 64 // RFC 1918, RFC 4193; RFC 6598
}
