package export

import (
	"net/netip"
	"time"

	"natlens/monitor"
)

// The events that the golden files show: one of everything, in an order that
// reads like an hour at a gateway.

var base = monitor.Time(time.Date(2026, 11, 22, 6, 12, 1, 123456789, time.UTC).UnixNano())

const natDone = monitor.SrcNATDone | monitor.DstNATDone

func addr(s string) monitor.Addr { return monitor.AddrFrom(netip.MustParseAddr(s)) }

// tuple returns one direction between two endpoints.
func tuple(p monitor.Proto, src string, sport uint16, dst string, dport uint16) monitor.Tuple {
	family := monitor.IPv4
	if netip.MustParseAddr(src).Is6() {
		family = monitor.IPv6
	}
	return monitor.Tuple{Src: addr(src), Dst: addr(dst), SrcPort: sport, DstPort: dport, Proto: p, Family: family}
}

func icmp(p monitor.Proto, src, dst string, id uint16, typ uint8) monitor.Tuple {
	t := tuple(p, src, 0, dst, 0)
	t.SetICMP(id, typ, 0)
	return t
}

// always are the attributes that every message contains.
const always = monitor.AttrOrig | monitor.AttrReply | monitor.AttrID | monitor.AttrStatus

// event returns an event with what every message contains.
func event(kind monitor.Kind, orig, reply monitor.Tuple, status monitor.Status, has monitor.Attrs) monitor.Event {
	return monitor.Event{Kind: kind, Has: always | has, Time: base, TimeSource: monitor.TimeKernel,
		Flow: monitor.Flow{ID: 1561741433, Orig: orig, Reply: reply, Status: status}}
}

// with changes an event and returns it.
func with(e monitor.Event, change func(*monitor.Event)) monitor.Event {
	change(&e)
	return e
}

// events returns all the events, numbered and 10 ms apart.
func events() []monitor.Event {
	var all []monitor.Event
	for _, group := range [][]monitor.Event{tcpEvents(), datagramEvents(), otherEvents(), rareEvents(), oddEvents(), gapEvents()} {
		all = append(all, group...)
	}
	for i := range all {
		all[i].Seq = uint64(i + 1)
		if all[i].Time == base {
			all[i].Time += monitor.Time(i) * 10e6
		}
	}
	return all
}

// batch returns the events as a sink gets them.
func batch(events ...monitor.Event) *monitor.Batch { return &monitor.Batch{Events: events} }

func tcpEvents() []monitor.Event {
	orig := tuple(monitor.TCP, "192.168.77.2", 39502, "203.0.113.9", 443)
	reply := tuple(monitor.TCP, "203.0.113.9", 443, "203.0.113.1", 39502)
	life := func(kind monitor.Kind, s monitor.State, timeout uint32, status monitor.Status) monitor.Event {
		e := event(kind, orig, reply, monitor.Confirmed|monitor.SrcNAT|natDone|status, monitor.AttrState|monitor.AttrTimeout)
		e.Flow.State, e.Flow.Timeout, e.Flow.Path, e.Gen = s, timeout, monitor.PathForward, 7
		return e
	}
	replied := monitor.SeenReply
	return []monitor.Event{
		life(monitor.KindNew, monitor.TCPSynSent, 120, 0),
		life(monitor.KindUpdate, monitor.TCPSynRecv, 60, replied),
		life(monitor.KindUpdate, monitor.TCPEstablished, 432000, replied|monitor.Assured),
		with(life(monitor.KindDestroy, monitor.TCPTimeWait, 0, replied|monitor.Assured|monitor.Dying), func(e *monitor.Event) {
			e.Has &^= monitor.AttrTimeout
			e.Has |= monitor.AttrCountersOrig | monitor.AttrCountersReply | monitor.AttrStart | monitor.AttrStop
			e.Flow.CountersOrig = monitor.Counters{Packets: 412, Bytes: 48_123}
			e.Flow.CountersReply = monitor.Counters{Packets: 398, Bytes: 1_100_456}
			e.Flow.Start, e.Flow.Stop, e.Born = base-126e9, base, base-126e9
		}),
		with(event(monitor.KindNew, tuple(monitor.TCP, "198.51.100.7", 51022, "203.0.113.1", 8080),
			tuple(monitor.TCP, "192.168.77.2", 80, "198.51.100.7", 51022),
			monitor.Confirmed|monitor.DstNAT|natDone, monitor.AttrState|monitor.AttrTimeout|monitor.AttrMark), func(e *monitor.Event) {
			e.Flow.State, e.Flow.Timeout, e.Flow.Mark, e.Flow.Path = monitor.TCPSynSent, 120, 0, monitor.PathForward
		}),
		with(event(monitor.KindNew, tuple(monitor.TCP, "198.51.100.7", 51023, "203.0.113.1", 8081),
			tuple(monitor.TCP, "203.0.113.1", 9091, "198.51.100.7", 51023),
			monitor.Confirmed|monitor.DstNAT|natDone, monitor.AttrState|monitor.AttrTimeout), func(e *monitor.Event) {
			e.Flow.State, e.Flow.Timeout, e.Flow.Path = monitor.TCPSynSent, 120, monitor.PathIn
		}),
		with(event(monitor.KindExisting, tuple(monitor.TCP, "2001:db8:77::2", 50000, "2001:db8:9::9", 443),
			tuple(monitor.TCP, "2001:db8:9::9", 443, "2001:db8:1::1", 50000),
			monitor.Confirmed|monitor.SeenReply|monitor.Assured|monitor.SrcNAT|monitor.Offload|natDone,
			monitor.AttrState|monitor.AttrTimeout|monitor.AttrUse|monitor.AttrMark|monitor.AttrWScaleOrig|monitor.AttrWScaleReply|monitor.AttrTCPFlagsOrig|monitor.AttrTCPFlagsReply), func(e *monitor.Event) {
			e.Flow.State, e.Flow.Timeout, e.Flow.Use, e.Flow.Mark = monitor.TCPEstablished, 431999, 1, 7
			e.Flow.TCP = monitor.TCPInfo{WScaleOrig: 7, WScaleReply: 9, FlagsOrig: 0x23, MaskOrig: 0xff, FlagsReply: 0x23}
		}),
	}
}

func datagramEvents() []monitor.Event {
	udp := func(kind monitor.Kind, p monitor.Proto, sport, as uint16, status monitor.Status) monitor.Event {
		e := event(kind, tuple(p, "192.168.77.3", sport, "203.0.113.9", 53), tuple(p, "203.0.113.9", 53, "203.0.113.1", as),
			monitor.Confirmed|natDone|monitor.SrcNAT|status, monitor.AttrTimeout)
		e.Flow.Timeout = 30
		return e
	}
	return []monitor.Event{
		udp(monitor.KindNew, monitor.UDP, 5353, 5353, 0),
		udp(monitor.KindUpdate, monitor.UDP, 4444, 55506, monitor.SeenReply),
		udp(monitor.KindNew, monitor.UDPLite, 6000, 6000, 0),
		with(udp(monitor.KindNew, monitor.SCTP, 7000, 7000, 0), func(e *monitor.Event) {
			e.Has |= monitor.AttrState | monitor.AttrVTagOrig | monitor.AttrVTagReply
			e.Flow.State, e.Extra = 3, &monitor.Extra{VTagOrig: 4294967295, VTagReply: 1}
		}),
		with(udp(monitor.KindUpdate, monitor.DCCP, 7001, 7001, monitor.SeenReply), func(e *monitor.Event) {
			e.Has |= monitor.AttrState | monitor.AttrDCCPRole | monitor.AttrDCCPSeq
			e.Flow.State, e.Extra = 4, &monitor.Extra{DCCPRole: 1, DCCPSeq: 1<<48 - 1}
		}),
		with(event(monitor.KindUpdate, tuple(monitor.UDP, "127.0.0.1", 4000, "127.0.0.1", 8081),
			tuple(monitor.UDP, "127.0.0.1", 9091, "127.0.0.1", 4000), monitor.Confirmed|monitor.DstNAT|natDone, 0),
			func(e *monitor.Event) { e.Flow.Path = monitor.PathLoop }),
	}
}

func otherEvents() []monitor.Event {
	timeout := func(e monitor.Event, t uint32) monitor.Event {
		e.Has |= monitor.AttrTimeout
		e.Flow.Timeout = t
		return e
	}
	return []monitor.Event{
		timeout(event(monitor.KindNew, icmp(monitor.ICMP, "192.168.77.3", "203.0.113.9", 77, 8),
			icmp(monitor.ICMP, "203.0.113.9", "203.0.113.1", 59304, 0), monitor.Confirmed|monitor.SrcNAT|natDone, 0), 30),
		timeout(event(monitor.KindUpdate, icmp(monitor.ICMPv6, "2001:db8:77::2", "2001:db8:9::9", 5, 128),
			icmp(monitor.ICMPv6, "2001:db8:9::9", "2001:db8:77::2", 5, 129), monitor.Confirmed|monitor.SeenReply|natDone, 0), 30),
		timeout(event(monitor.KindNew, tuple(monitor.GRE, "192.168.77.2", 0x1234, "203.0.113.9", 0xbeef),
			tuple(monitor.GRE, "203.0.113.9", 0xbeef, "203.0.113.1", 0x1234), monitor.Confirmed|monitor.SrcNAT|natDone, 0), 30),
		timeout(event(monitor.KindNew, tuple(253, "192.168.77.2", 0, "203.0.113.9", 0),
			tuple(253, "203.0.113.9", 0, "203.0.113.1", 0), monitor.Confirmed|monitor.SrcNAT|natDone, 0), 600),
		event(monitor.KindNew, tuple(monitor.UDP, "::ffff:192.0.2.1", 1, "::", 2), tuple(monitor.UDP, "::", 2, "::c000:201", 1),
			monitor.Confirmed|monitor.SrcNAT, 0),
		with(event(monitor.KindNew, tuple(monitor.TCP, "192.168.77.2", 40000, "203.0.113.1", 80),
			tuple(monitor.TCP, "10.0.7.12", 8080, "10.0.7.1", 61000),
			monitor.Confirmed|monitor.SrcNAT|monitor.DstNAT|natDone, monitor.AttrState), func(e *monitor.Event) {
			e.Flow.State = monitor.TCPSynSent
		}),
	}
}

// hostile is text that must not reach a terminal or end a line.
var hostile = []byte("x\x1b[2J\n\u202e\u0085\u2028\xff\"\\, \u00fc\x7f")

func rareEvents() []monitor.Event {
	orig := tuple(monitor.TCP, "192.168.77.2", 45678, "203.0.113.9", 20021)
	reply := tuple(monitor.TCP, "203.0.113.9", 20021, "203.0.113.1", 45678)
	labels := []byte{0x09, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80}
	extra := &monitor.Extra{
		Helper: []byte("ftp"), HelperInfo: []byte{0xde, 0xad}, SecCtx: []byte("system_u:object_r:unlabeled_t:s0"),
		Labels: labels, LabelsMask: make([]byte, 16),
		Master:      tuple(monitor.TCP, "192.168.77.2", 45600, "203.0.113.9", 21),
		SeqAdjOrig:  monitor.SeqAdj{Correction: 1234567890, OffsetBefore: -3, OffsetAfter: 5},
		SeqAdjReply: monitor.SeqAdj{Correction: 1, OffsetBefore: 2, OffsetAfter: -2147483648},
		Synproxy:    monitor.Synproxy{ISN: 4000000000, ITS: 1, TSOff: 2},
		MarkMask:    0xffffffff, SecMark: 3, StatusMask: 8,
	}
	all := event(monitor.KindUpdate, orig, reply,
		monitor.Expected|monitor.SeenReply|monitor.Assured|monitor.Confirmed|monitor.SrcNAT|monitor.SeqAdjust|natDone|monitor.Helper|1<<20,
		monitor.AttrState|monitor.AttrTimeout|monitor.AttrMark|monitor.AttrZone|monitor.AttrZoneOrig|monitor.AttrZoneReply|
			monitor.AttrUse|monitor.AttrStart|monitor.AttrHelper|monitor.AttrHelperInfo|monitor.AttrSecCtx|monitor.AttrLabels|
			monitor.AttrLabelsMask|monitor.AttrMaster|monitor.AttrSeqAdjOrig|monitor.AttrSeqAdjReply|monitor.AttrSynproxy|
			monitor.AttrMarkMask|monitor.AttrSecMark|monitor.AttrStatusMask|monitor.AttrCountersReply)
	all.Flow.State, all.Flow.Timeout, all.Flow.Mark, all.Flow.Zone, all.Flow.Use = monitor.TCPEstablished, 300, 0xffffffff, 5, 2
	all.Flow.Orig.Zone, all.Flow.Reply.Zone, all.Flow.Start = 5, 6, base-3661e9
	all.Flow.CountersReply = monitor.Counters{Packets: 1, Bytes: 1<<64 - 1}
	all.Extra, all.PortID, all.Gen = extra, 4242, 12
	return []monitor.Event{
		all,
		with(event(monitor.KindDestroy, orig, reply, monitor.Confirmed|monitor.SrcNAT|monitor.Dying, monitor.AttrState), func(e *monitor.Event) {
			e.Flow.State, e.PortID, e.Inferred = monitor.TCPClose, 4242, true
			e.Remembered = monitor.AttrHelper | monitor.AttrLabels | monitor.AttrMaster | monitor.AttrMark | monitor.AttrZone
			e.Flow.Mark, e.Flow.Zone, e.Extra, e.Gen = 16, 5, extra, 12
			e.TimeSource = monitor.TimeReceived
		}),
		with(event(monitor.KindNew, orig, reply, monitor.Confirmed|monitor.SrcNAT, monitor.AttrHelper|monitor.AttrSecCtx), func(e *monitor.Event) {
			e.Extra, e.TimeSource = &monitor.Extra{Helper: hostile[:monitor.MaxHelper], SecCtx: hostile}, monitor.TimeRing
		}),
	}
}

// oddEvents are what a healthy kernel does not send.
func oddEvents() []monitor.Event {
	orig := tuple(monitor.TCP, "192.0.2.1", 1, "192.0.2.2", 2)
	return []monitor.Event{
		with(event(monitor.KindUpdate, orig, tuple(monitor.TCP, "192.0.2.3", 2, "192.0.2.1", 1), monitor.Confirmed, monitor.AttrState),
			func(e *monitor.Event) { e.Flow.State = 200 }),
		event(monitor.KindExisting, orig, tuple(monitor.TCP, "192.0.2.2", 2, "192.0.2.1", 1), monitor.DstNAT, 0),
		with(event(monitor.KindUpdate, orig, monitor.Tuple{}, 0, 0), func(e *monitor.Event) {
			e.Has, e.Time, e.TimeSource = monitor.AttrOrig, 0, monitor.TimeUnknown
		}),
		with(event(monitor.KindUpdate, monitor.Tuple{}, orig, 0, 0), func(e *monitor.Event) { e.Has = monitor.AttrReply }),
	}
}

func gapEvents() []monitor.Event {
	return []monitor.Event{
		{Kind: monitor.KindLost, Time: base, TimeSource: monitor.TimeReceived, Gap: &monitor.Gap{Count: 2844, From: base - 1368e6, To: base - 1e6}},
		{Kind: monitor.KindResynced, Time: base, TimeSource: monitor.TimeReceived,
			Gap: &monitor.Gap{Count: 2844, From: base - 1368e6, To: base - 1e6, Added: 37, Changed: 4, Ended: 12}},
		{Kind: monitor.KindLost, Time: base, TimeSource: monitor.TimeReceived, Gap: &monitor.Gap{Count: 1, Uncertain: true, To: base}},
	}
}
