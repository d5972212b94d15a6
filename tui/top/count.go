package top

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// freshSpan is the time over which new flows are counted. The table keeps ended flows as long,
// so short flows count too.
const freshSpan = monitor.Time(5e9)

// tally is the result of counting.
type tally struct {
	by       int // the grouping
	counted  bool
	groups   []count // the biggest groups, in order
	all      int     // number of groups
	flows    uint64  // flows that belong to a group
	live     int     // flows in the table
	counters bool    // bytes are known
}

// count is one group.
type count struct {
	key   key
	flows uint64
	fresh uint64 // born within freshSpan
	bytes uint64
}

// order is the column by which groups are sorted, and its direction.
type order struct {
	by   int
	down bool
}

// The columns that groups can be ordered by.
const (
	byFlows = iota + 1
	byFresh
	byBytes
	byName
)

// topGroups is the maximum number of groups shown.
const topGroups = 500

// countBy reads the table once.
func countBy(by int, t *table.Table, f *table.CachedFilter, local func(*monitor.Flow) *monitor.Local, o order,
	now monitor.Time) tally {
	out := tally{by: by, counted: true}
	index := make(map[key]int32)
	var all []count
	out.live = t.ScanMatching(f, now, func(_ uint32, r *table.Row) {
		k, ok := keyOf(by, &r.Flow, local)
		fresh := r.State&table.RowNew != 0 && now-r.First < freshSpan
		if !ok || r.Ended() && !fresh {
			return
		}
		at, known := index[k]
		if !known {
			at = int32(len(all))
			index[k] = at
			all = append(all, count{key: k})
		}
		g := &all[at]
		if fresh {
			g.fresh++
		}
		if !r.Ended() {
			g.flows++
			out.flows++
			g.bytes += r.Flow.CountersOrig.Bytes + r.Flow.CountersReply.Bytes
			out.counters = out.counters || r.Known.Any(monitor.AttrCountersOrig|monitor.AttrCountersReply)
		}
	})
	slices.SortFunc(all, func(a, b count) int { return compare(&a, &b, o) })
	out.all, out.groups = len(all), slices.Clone(all[:min(len(all), topGroups)])
	return out
}

// keyOf returns the group of a flow, if it belongs to one.
func keyOf(by int, f *monitor.Flow, local func(*monitor.Flow) *monitor.Local) (key, bool) {
	if groupings[by].key != nil {
		return groupings[by].key(f)
	}
	l := local(f)
	return key{name: l.Name(), want: page.LocalFilter(l)}, l.Name() != ""
}

func compare(a, b *count, o order) int {
	c := 0
	switch o.by {
	case byFlows:
		c = cmp.Compare(b.flows, a.flows)
	case byFresh:
		c = cmp.Compare(b.fresh, a.fresh)
	case byBytes:
		c = cmp.Compare(b.bytes, a.bytes)
	}
	c = cmp.Or(c, bytes.Compare(a.key.addr[:], b.key.addr[:]), cmp.Compare(a.key.n, b.key.n),
		cmp.Compare(a.key.name, b.key.name))
	if o.down == (o.by == byName) {
		return -c
	}
	return c
}

// grouping is an attribute by which flows are counted.
type grouping struct {
	name   string                               // upper case: the heading
	middle string                               // for medium screens; "": name
	short  string                               // for narrow screens
	key    func(*monitor.Flow) (k key, ok bool) // the group of a flow, if it belongs to one; nil: its [monitor.Local]
	text   func(s *page.Session, k key) string  // name of a group
	filter func(s *page.Session, k key) string  // filter for the flows of a group
	cut    func(text string, width int) string  // shortens a text
	where  func(*page.Session) bool             // whether it is offered; nil: always
}

// key is the value that the flows of a group share.
type key struct {
	addr monitor.Addr
	n    uint64
	name string // untrusted text
	want string // the filter of a name
}

// groupings are all groupings.
var groupings = []grouping{
	{"source", "", "source",
		func(f *monitor.Flow) (key, bool) { return key{addr: f.Orig.Src}, true }, host,
		func(_ *page.Session, k key) string { return "src " + k.addr.String() }, paint.CutMiddle, nil},
	{"destination", "", "dest",
		func(f *monitor.Flow) (key, bool) { return key{addr: f.Orig.Dst}, true }, host,
		func(_ *page.Session, k key) string { return "dst " + k.addr.String() }, paint.CutMiddle, nil},
	{"destination port", "dst port", "port",
		func(f *monitor.Flow) (key, bool) {
			return key{n: uint64(f.Orig.Proto)<<16 | uint64(f.To().Port)}, f.Orig.Proto.HasPorts()
		}, service,
		func(_ *page.Session, k key) string {
			return "proto " + monitor.Proto(k.n>>16).String() + " and dport " + decimal(k.n&0xffff)
		}, paint.Cut, nil},
	{"protocol", "", "proto",
		func(f *monitor.Flow) (key, bool) { return key{n: uint64(f.Orig.Proto)}, true },
		func(_ *page.Session, k key) string { return monitor.Proto(k.n).String() },
		func(_ *page.Session, k key) string { return "proto " + monitor.Proto(k.n).String() }, paint.Cut, nil},
	{"state", "", "state", stateKey,
		func(_ *page.Session, k key) string {
			f := k.stateFlow()
			return f.Row.Flow.Orig.Proto.String() + " " + page.StateText(&f.Row.Flow, f.Row.Known)
		}, stateFilter, paint.Cut, nil},
	{"NAT address", "", "NAT", // a flow without SNAT belongs to no group
		func(f *monitor.Flow) (key, bool) { return key{addr: f.Reply.Dst}, f.NAT().Kind&monitor.NATSource != 0 }, host,
		func(_ *page.Session, k key) string { return "snat and reply.dst " + k.addr.String() }, paint.CutMiddle, nil},
	{"zone", "", "zone",
		func(f *monitor.Flow) (key, bool) { return key{n: uint64(f.Orig.Zone)}, true },
		func(_ *page.Session, k key) string { return "zone " + decimal(k.n) },
		func(_ *page.Session, k key) string { return "orig.zone " + decimal(k.n) }, paint.Cut, nil},
	{"mark", "", "mark",
		func(f *monitor.Flow) (key, bool) { return key{n: uint64(f.Mark)}, true },
		func(_ *page.Session, k key) string { return "mark " + page.Hex(k.n) },
		func(_ *page.Session, k key) string { return "mark " + page.Hex(k.n) }, paint.Cut, nil},
	{"namespace", "", "netns",
		func(f *monitor.Flow) (key, bool) { return key{n: uint64(f.Orig.NetNS)}, true },
		func(s *page.Session, k key) string { return s.NetNS(monitor.NetNS(k.n)) },
		func(s *page.Session, k key) string { return s.NetNSFilter(monitor.NetNS(k.n)) }, paint.Cut,
		(*page.Session).Several},
	{"process", "", "process", nil,
		func(_ *page.Session, k key) string { return monitor.Escape(k.name) },
		func(_ *page.Session, k key) string { return k.want }, paint.Cut,
		func(s *page.Session) bool { return s.Env.Local != nil }},
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// host returns an address with its name.
func host(s *page.Session, k key) string {
	if n := s.Names.Addr(k.addr.Netip()); n != "" {
		return k.addr.String() + "  " + n
	}
	return k.addr.String()
}

// service returns a protocol and port with its name.
func service(s *page.Session, k key) string {
	p, port := monitor.Proto(k.n>>16), uint16(k.n)
	text := p.String() + " " + decimal(uint64(port))
	if n := s.Names.Service(p, port); n != "" {
		text += "  " + n
	}
	return text
}

// stateKey is the protocol and state; for protocols without states the status bits for replied
// and assured, for ICMP with its type.
//
//	n  [ protocol 8 | ICMP type 8 | state 8 | status 8 ]
func stateKey(f *monitor.Flow) (key, bool) {
	p := f.Orig.Proto
	n := uint64(p) << 24
	switch {
	case p.HasState():
		return key{n: n | uint64(f.State)<<8}, true
	case p.IsICMP():
		n |= uint64(f.Orig.ICMPType()) << 16
	}
	return key{n: n | uint64(f.Status&(monitor.SeenReply|monitor.Assured))}, true
}

// stateFlow returns a flow with only the attributes in a stateKey.
func (k key) stateFlow() page.Flow {
	r := table.Row{Known: monitor.AttrStatus}
	f := &r.Flow
	f.Orig.Proto, f.State, f.Status = monitor.Proto(k.n>>24), monitor.State(k.n>>8), monitor.Status(k.n&0xff)
	f.Orig.SetICMP(0, uint8(k.n>>16), 0)
	if f.Orig.Proto.HasState() {
		r.Known |= monitor.AttrState
	}
	return page.Flow{Row: r}
}

func stateFilter(_ *page.Session, k key) string {
	f := k.stateFlow()
	c, proto := f.Filter(page.CellState), f.Row.Flow.Orig.Proto.String()
	if c == "" || strings.HasPrefix(c, proto+" ") {
		return c
	}
	return "proto " + proto + " and " + c
}
