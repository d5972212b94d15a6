package tui

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"natlens/monitor"
)

// grouping is what flows are counted by on the Top page.
type grouping uint8

const (
	bySource grouping = iota
	byDest
	byService
	byProtocol
	byState
	byNATAddr
	byZone
	byMark
	groupings
)

var groupingNames = [groupings]string{"source", "destination", "destination port", "protocol", "state",
	"NAT address", "zone", "mark"}

// groupKey is the value that the flows of a group share. It is comparable; what
// stands in n depends on the grouping.
type groupKey struct {
	addr monitor.Addr
	n    uint64
}

// key returns the group of a flow. ok is false for flows that belong to none: one
// without SNAT has no NAT address.
func (g grouping) key(f *monitor.Flow) (k groupKey, ok bool) {
	switch g {
	case bySource:
		k.addr = f.Orig.Src
	case byDest:
		k.addr = f.Orig.Dst
	case byService:
		k.n = uint64(f.Orig.Proto)<<16 | uint64(f.To().Port)
		return k, f.Orig.Proto.HasPorts()
	case byProtocol:
		k.n = uint64(f.Orig.Proto)
	case byState:
		k.n = uint64(f.Orig.Proto)<<16 | uint64(f.State)<<8 | uint64(f.Status&(monitor.SeenReply|monitor.Assured))
		if f.Orig.Proto.HasState() {
			k.n &^= 0xff
		}
	case byNATAddr:
		k.addr = f.Reply.Dst
		return k, f.NAT().Kind&monitor.NATSource != 0
	case byZone:
		k.n = uint64(f.Orig.Zone)
	case byMark:
		k.n = uint64(f.Mark)
	}
	return k, true
}

// group is one line of the Top page.
type group struct {
	key    groupKey
	flows  uint64
	fresh  uint64 // born within freshSpan
	bytes  uint64
	sample monitor.Row // some flow of the group
}

// freshSpan is the time over which new flows are counted. Ended flows linger for
// as long as that, so that short ones count too.
const freshSpan = monitor.Time(5e9)

// tally is the answer of the Top page.
type tally struct {
	by       grouping
	groups   []group // the biggest, in order
	all      int     // how many groups there are
	flows    uint64  // flows that belong to a group
	fresh    uint64
	bytes    uint64
	live     int // flows in the table
	counters bool
}

// tallied is by what the groups are ordered.
type tallied uint8

const (
	orderFlows tallied = iota
	orderFresh
	orderBytes
	orderName
)

// topGroups is how many groups are shown at the most.
const topGroups = 500

// count goes over the table once.
func (g grouping) count(t *monitor.Table, keep monitor.Filter, order tallied, now monitor.Time, stop *atomic.Bool) (tally, bool) {
	out := tally{by: g}
	index := make(map[groupKey]int32)
	var groups []group
	var e monitor.Event
	stopped := false
	t.Scan(func(i uint32, r *monitor.Row, x *monitor.Extra) bool {
		if i%1024 == 0 && stop.Load() {
			stopped = true
			return false
		}
		if !r.Ended() {
			out.live++
		}
		if keep != nil {
			if r.Event(i, x, now, &e); !keep(&e) {
				return true
			}
		}
		k, ok := g.key(&r.Flow)
		if !ok {
			return true
		}
		at, ok := index[k]
		if !ok {
			at = int32(len(groups))
			index[k] = at
			groups = append(groups, group{key: k, sample: *r})
		}
		out.add(&groups[at], r, now)
		return true
	})
	out.groups = biggest(groups, order)
	for i := range groups {
		if groups[i].flows > 0 {
			out.all++
		}
	}
	return out, !stopped
}

func (t *tally) add(g *group, r *monitor.Row, now monitor.Time) {
	if r.State&monitor.RowBorn != 0 && now-r.First < freshSpan {
		g.fresh++
		t.fresh++
	}
	if r.Ended() {
		return
	}
	g.flows++
	t.flows++
	b := r.Flow.CountersOrig.Bytes + r.Flow.CountersReply.Bytes
	g.bytes += b
	t.bytes += b
	t.counters = t.counters || r.Known.Any(monitor.AttrCountersOrig|monitor.AttrCountersReply)
}

// biggest keeps the first groups of an order. Most groups of a big table are
// small: they are turned away by one comparison.
func biggest(groups []group, order tallied) []group {
	var out []group
	for i := range groups {
		g := &groups[i]
		if g.flows == 0 && g.fresh == 0 {
			continue
		}
		if len(out) == topGroups && !before(g, &out[topGroups-1], order) {
			continue
		}
		at, _ := slices.BinarySearchFunc(out, g, func(a group, b *group) int {
			if before(&a, b, order) {
				return -1
			}
			return 1
		})
		if len(out) == topGroups {
			out = out[:topGroups-1]
		}
		out = slices.Insert(out, at, *g)
	}
	return out
}

func before(a, b *group, order tallied) bool {
	c := 0
	switch order {
	case orderFlows:
		c = cmp.Compare(b.flows, a.flows)
	case orderFresh:
		c = cmp.Compare(b.fresh, a.fresh)
	case orderBytes:
		c = cmp.Compare(b.bytes, a.bytes)
	}
	if c == 0 {
		c = bytes.Compare(a.key.addr[:], b.key.addr[:])
	}
	if c == 0 {
		c = cmp.Compare(a.key.n, b.key.n)
	}
	return c < 0
}

// name is how a group is called.
func (g grouping) name(s *session, k *group) string {
	f := &k.sample.Flow
	switch g {
	case bySource, byDest, byNATAddr:
		text := k.key.addr.String()
		if n := s.names.addr(k.key.addr.Netip()); n != "" {
			text += "  " + n
		}
		return text
	case byService:
		text := f.Orig.Proto.String() + " " + strconv.Itoa(int(f.To().Port))
		if n := s.names.service(f.Orig.Proto, f.To().Port); n != "" {
			text += "  " + n
		}
		return text
	case byProtocol:
		return f.Orig.Proto.String()
	case byState:
		return f.Orig.Proto.String() + " " + stateText(&k.sample)
	case byZone:
		return "zone " + strconv.FormatUint(k.key.n, 10)
	}
	return "mark " + hexText(k.key.n)
}

// condition is the filter that wants the flows of the group.
func (g grouping) condition(k *group) string {
	ref := flowRef{row: k.sample}
	f := &k.sample.Flow
	switch g {
	case bySource:
		return sourceFilter(&ref)
	case byDest:
		return "dst " + f.Orig.Dst.String()
	case byService:
		return "proto " + f.Orig.Proto.String() + " and dport " + strconv.Itoa(int(f.To().Port))
	case byProtocol:
		return protoFilter(&ref)
	case byState:
		c := stateFilter(&ref)
		if c == "" || strings.HasPrefix(c, f.Orig.Proto.String()+" ") {
			return c
		}
		return "proto " + f.Orig.Proto.String() + " and " + c
	case byNATAddr:
		return "reply.dst " + f.Reply.Dst.String() + " and snat"
	case byZone:
		return "orig.zone " + strconv.FormatUint(k.key.n, 10)
	}
	return markFilter(&ref)
}
