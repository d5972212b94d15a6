package tui

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/paint"
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
	byNetNS // the last: offered where there are several alone
	groupings
)

var groupingNames = [groupings]string{"source", "destination", "destination port", "protocol", "state",
	"NAT address", "zone", "mark", "namespace"}

// groupingShort are the names for narrow screens.
var groupingShort = [groupings]string{"source", "dest", "port", "proto", "state", "NAT", "zone", "mark", "netns"}

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
		switch {
		case f.Orig.Proto.HasState():
			k.n = uint64(f.State) << 8
		case f.Orig.Proto.IsICMP():
			k.n = uint64(f.Orig.ICMPType())<<16 | uint64(f.Status&(monitor.SeenReply|monitor.Assured))
		default:
			k.n = uint64(f.Status & (monitor.SeenReply | monitor.Assured))
		}
		k.n |= uint64(f.Orig.Proto) << 24
	case byNATAddr:
		k.addr = f.Reply.Dst
		return k, f.NAT().Kind&monitor.NATSource != 0
	case byZone:
		k.n = uint64(f.Orig.Zone)
	case byMark:
		k.n = uint64(f.Mark)
	case byNetNS:
		k.n = uint64(f.Orig.NetNS)
	}
	return k, true
}

// row returns a flow of the group: with what the flows of the group share, and
// nothing else.
func (g grouping) row(k groupKey) table.Row {
	r := table.Row{Known: monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus}
	f := &r.Flow
	switch g {
	case bySource:
		f.Orig.Src = k.addr
	case byDest:
		f.Orig.Dst = k.addr
	case byService:
		f.Orig.Proto, f.Orig.DstPort = monitor.Proto(k.n>>16), uint16(k.n)
	case byProtocol:
		f.Orig.Proto = monitor.Proto(k.n)
	case byState:
		f.Orig.Proto, f.State, f.Status = monitor.Proto(k.n>>24), monitor.State(k.n>>8), monitor.Status(k.n&0xff)
		f.Orig.SetICMP(0, uint8(k.n>>16), 0)
		if f.Orig.Proto.HasState() {
			r.Known |= monitor.AttrState
		}
	case byNATAddr:
		f.Reply.Dst = k.addr
	case byZone:
		f.Orig.Zone = uint16(k.n)
	case byMark:
		f.Mark = uint32(k.n)
	case byNetNS:
		f.Orig.NetNS = monitor.NetNS(k.n)
	}
	return r
}

// freshSpan is the time over which new flows are counted. Ended flows linger for
// as long as that, so that short ones count too.
const freshSpan = monitor.Time(5e9)

// tally is the answer of the Top page.
type tally struct {
	by       grouping
	counted  bool
	groups   []count // the biggest, in order
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

	turned tallied = 1 << 7 // beside one of the others: the other way round
)

// column is the order without its direction.
func (o tallied) column() tallied { return o &^ turned }

// topGroups is how many groups are shown at the most.
const topGroups = 500

// count goes over the table once. expected is how many groups there were the last
// time.
func (g grouping) count(t *table.Table, judge *table.CachedFilter, order tallied, expected int, now monitor.Time, stop *atomic.Bool) (tally, bool) {
	out := tally{by: g, counted: true}
	c := counter{index: make(map[groupKey]int32, expected)}
	live, whole := t.ScanMatching(judge, now, stop, func(_ uint32, r *table.Row) {
		if k, ok := g.key(&r.Flow); ok {
			out.add(c.group(k), r, now)
		}
	})
	out.live = live
	out.groups, out.all = c.biggest(order)
	return out, whole
}

// counter holds the groups of a scan in chunks that do not move: there may be as
// many as flows.
type counter struct {
	index  map[groupKey]int32
	chunks []*[counterChunk]count
	n      int32
}

const counterChunk = 4096

// count is one group: one line of the Top page.
type count struct {
	key   groupKey
	flows uint64
	fresh uint64 // born within freshSpan
	bytes uint64
}

func (c *counter) group(k groupKey) *count {
	at, ok := c.index[k]
	if !ok {
		at = c.n
		c.n++
		c.index[k] = at
		if int(at/counterChunk) == len(c.chunks) {
			c.chunks = append(c.chunks, new([counterChunk]count))
		}
		*c.at(at) = count{key: k}
	}
	return c.at(at)
}

func (c *counter) at(i int32) *count { return &c.chunks[i/counterChunk][i%counterChunk] }

func (t *tally) add(g *count, r *table.Row, now monitor.Time) {
	if r.State&table.RowBorn != 0 && now-r.First < freshSpan {
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

// biggest returns the first groups of an order, and how many there are. Most
// groups of a big table are small: they are turned away by one comparison.
func (c *counter) biggest(order tallied) (out []count, all int) {
	for i := range c.n {
		g := c.at(i)
		if g.flows == 0 && g.fresh == 0 {
			continue
		}
		if all++; len(out) == topGroups && !before(g, &out[topGroups-1], order) {
			continue
		}
		at, _ := slices.BinarySearchFunc(out, g, func(a count, b *count) int {
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
	return out, all
}

func before(a, b *count, order tallied) bool {
	c := 0
	switch order.column() {
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
	if order&turned != 0 {
		c = -c
	}
	return c < 0
}

// fitName is name in so many cells: of an address the beginning and the end.
func (g grouping) fitName(s *session, k *count, width int) string {
	switch g {
	case bySource, byDest, byNATAddr:
		return paint.CutMiddle(g.name(s, k), width)
	}
	return paint.Cut(g.name(s, k), width)
}

// name is how a group is called.
func (g grouping) name(s *session, k *count) string {
	r := g.row(k.key)
	f := &r.Flow
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
		return f.Orig.Proto.String() + " " + stateText(&r)
	case byZone:
		return "zone " + strconv.FormatUint(k.key.n, 10)
	case byNetNS:
		return s.netns(monitor.NetNS(k.key.n))
	}
	return "mark " + hexText(k.key.n)
}

// condition is the filter that wants the flows of the group.
func (g grouping) condition(s *session, k *count) string {
	ref := flowRef{row: g.row(k.key)}
	f := &ref.row.Flow
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
		return "snat and reply.dst " + f.Reply.Dst.String()
	case byZone:
		return "orig.zone " + strconv.FormatUint(k.key.n, 10)
	case byNetNS:
		return s.netnsFilter(monitor.NetNS(k.key.n))
	}
	return markFilter(&ref)
}
