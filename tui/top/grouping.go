package top

import (
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// grouping is what flows are counted by.
type grouping struct {
	name   string                               // upper case: the heading
	middle string                               // for screens that are not wide; "": name
	short  string                               // for narrow screens
	key    func(*monitor.Flow) (k key, ok bool) // the group of a flow, if it belongs to one
	text   func(s *page.Session, k key) string  // how a group is called
	filter func(s *page.Session, k key) string  // the flows of a group
	cut    func(text string, width int) string  // a text that is too long
}

// key is the value that the flows of a group share.
type key struct {
	addr monitor.Addr
	n    uint64
}

// groupings are all; the last one is offered only if there are several namespaces.
var groupings = []grouping{
	{"source", "", "source",
		func(f *monitor.Flow) (key, bool) { return key{addr: f.Orig.Src}, true }, host,
		func(_ *page.Session, k key) string { return "src " + k.addr.String() }, paint.CutMiddle},
	{"destination", "", "dest",
		func(f *monitor.Flow) (key, bool) { return key{addr: f.Orig.Dst}, true }, host,
		func(_ *page.Session, k key) string { return "dst " + k.addr.String() }, paint.CutMiddle},
	{"destination port", "dst port", "port",
		func(f *monitor.Flow) (key, bool) {
			return key{n: uint64(f.Orig.Proto)<<16 | uint64(f.To().Port)}, f.Orig.Proto.HasPorts()
		}, service,
		func(_ *page.Session, k key) string {
			return "proto " + monitor.Proto(k.n>>16).String() + " and dport " + decimal(k.n&0xffff)
		}, paint.Cut},
	{"protocol", "", "proto",
		func(f *monitor.Flow) (key, bool) { return key{n: uint64(f.Orig.Proto)}, true },
		func(_ *page.Session, k key) string { return monitor.Proto(k.n).String() },
		func(_ *page.Session, k key) string { return "proto " + monitor.Proto(k.n).String() }, paint.Cut},
	{"state", "", "state", stateKey,
		func(_ *page.Session, k key) string {
			f := k.stateFlow()
			return f.Row.Flow.Orig.Proto.String() + " " + page.StateText(&f.Row.Flow, f.Row.Known)
		}, stateFilter, paint.Cut},
	{"NAT address", "", "NAT", // a flow without SNAT belongs to none
		func(f *monitor.Flow) (key, bool) { return key{addr: f.Reply.Dst}, f.NAT().Kind&monitor.NATSource != 0 }, host,
		func(_ *page.Session, k key) string { return "snat and reply.dst " + k.addr.String() }, paint.CutMiddle},
	{"zone", "", "zone",
		func(f *monitor.Flow) (key, bool) { return key{n: uint64(f.Orig.Zone)}, true },
		func(_ *page.Session, k key) string { return "zone " + decimal(k.n) },
		func(_ *page.Session, k key) string { return "orig.zone " + decimal(k.n) }, paint.Cut},
	{"mark", "", "mark",
		func(f *monitor.Flow) (key, bool) { return key{n: uint64(f.Mark)}, true },
		func(_ *page.Session, k key) string { return "mark " + page.Hex(k.n) },
		func(_ *page.Session, k key) string { return "mark " + page.Hex(k.n) }, paint.Cut},
	{"namespace", "", "netns",
		func(f *monitor.Flow) (key, bool) { return key{n: uint64(f.Orig.NetNS)}, true },
		func(s *page.Session, k key) string { return s.NetNS(monitor.NetNS(k.n)) },
		func(s *page.Session, k key) string { return s.NetNSFilter(monitor.NetNS(k.n)) }, paint.Cut},
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// host is an address with its name.
func host(s *page.Session, k key) string {
	if n := s.Names.Addr(k.addr.Netip()); n != "" {
		return k.addr.String() + "  " + n
	}
	return k.addr.String()
}

// service is a protocol and a port with its name.
func service(s *page.Session, k key) string {
	p, port := monitor.Proto(k.n>>16), uint16(k.n)
	text := p.String() + " " + decimal(uint64(port))
	if n := s.Names.Service(p, port); n != "" {
		text += "  " + n
	}
	return text
}

// stateKey is protocol and state; of protocols without states the status bits for replied
// and assured, of ICMP with its type.
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

// stateFlow returns a flow with what stateKey was made of, and nothing else.
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
