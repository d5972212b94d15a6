package filter

import (
	"net/netip"
	"strings"

	"natlens/monitor"
)

// sample is an event that tests match filters against, under a name.
type sample struct {
	name string
	monitor.Event
}

func addr(s string) monitor.Addr { return monitor.AddrFrom(netip.MustParseAddr(s)) }

func tuple(p monitor.Proto, src, dst string, sport, dport uint16) monitor.Tuple {
	t := monitor.Tuple{Src: addr(src), Dst: addr(dst), SrcPort: sport, DstPort: dport, Proto: p, Family: monitor.IPv4}
	if !t.Src.Is4() {
		t.Family = monitor.IPv6
	}
	return t
}

const (
	always = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrID
	noon   = monitor.Time(1_700_000_000_000_000_000)
	sec    = monitor.Time(1_000_000_000)
)

// done are the bits of every flow that has passed the nat hooks.
const done = monitor.Confirmed | monitor.SrcNATDone | monitor.DstNATDone

// samples are the events of docs/filters.md, section "The sample".
var samples = []sample{
	{"https-new", monitor.Event{Kind: monitor.KindNew, Time: noon, Gen: 1,
		Has: always | monitor.AttrState | monitor.AttrTimeout,
		Flow: monitor.Flow{
			Orig:   tuple(monitor.TCP, "192.168.77.2", "203.0.113.9", 39502, 443),
			Reply:  tuple(monitor.TCP, "203.0.113.9", "203.0.113.1", 443, 39502),
			Status: done | monitor.SrcNAT, State: monitor.TCPSynSent, Timeout: 120, ID: 7, Path: monitor.PathForward,
		}}},
	{"https-up", monitor.Event{Kind: monitor.KindUpdate, Time: noon + 5*sec, Gen: 1,
		Has:  always | monitor.AttrState | monitor.AttrTimeout | monitor.AttrMark,
		Born: noon,
		Flow: monitor.Flow{
			Orig:   tuple(monitor.TCP, "192.168.77.2", "203.0.113.9", 39502, 443),
			Reply:  tuple(monitor.TCP, "203.0.113.9", "203.0.113.1", 443, 39502),
			Status: done | monitor.SrcNAT | monitor.SeenReply | monitor.Assured, State: monitor.TCPEstablished,
			Timeout: 432000, Mark: 0x110, ID: 7, Path: monitor.PathForward,
		}}},
	{"https-end", monitor.Event{Kind: monitor.KindDestroy, Time: noon + 900*sec, Gen: 1,
		Has: always | monitor.AttrState | monitor.AttrMark | monitor.AttrCountersOrig | monitor.AttrCountersReply |
			monitor.AttrStart | monitor.AttrStop,
		Remembered: monitor.AttrLabels,
		Extra:      &monitor.Extra{Labels: []byte{0x20, 0x80, 14: 0, 15: 0x80}},
		Flow: monitor.Flow{
			Orig:  tuple(monitor.TCP, "192.168.77.2", "203.0.113.9", 39502, 443),
			Reply: tuple(monitor.TCP, "203.0.113.9", "203.0.113.1", 443, 39502),
			CountersOrig: monitor.Counters{
				Packets: 900,
				Bytes:   80_000,
			}, CountersReply: monitor.Counters{Packets: 1600, Bytes: 2_000_000},
			Status: done | monitor.SrcNAT | monitor.SeenReply | monitor.Assured | monitor.Dying, State: monitor.TCPTimeWait,
			Mark: 0x110, ID: 7, Path: monitor.PathForward, Start: noon, Stop: noon + 780*sec,
		}}},
	{"dns", monitor.Event{Kind: monitor.KindUpdate, Time: noon + sec, Gen: 2, Has: always | monitor.AttrTimeout,
		Flow: monitor.Flow{
			Orig:   tuple(monitor.UDP, "10.0.0.5", "192.0.2.53", 51000, 53),
			Reply:  tuple(monitor.UDP, "192.0.2.53", "10.0.0.5", 53, 51000),
			Status: done | monitor.SeenReply, Timeout: 30, ID: 8, Path: monitor.PathForward,
		}}},
	{"web-in", monitor.Event{Kind: monitor.KindUpdate, Time: noon + 2*sec, Gen: 3,
		Has:        always | monitor.AttrTimeout,
		Remembered: monitor.AttrState,
		Flow: monitor.Flow{
			Orig:   tuple(monitor.TCP, "198.51.100.7", "203.0.113.1", 40000, 8080),
			Reply:  tuple(monitor.TCP, "192.168.77.2", "198.51.100.7", 80, 40000),
			Status: done | monitor.DstNAT | monitor.SeenReply, State: monitor.TCPEstablished, Timeout: 300, ID: 9,
			Path: monitor.PathForward,
		}}},
	{"ping", monitor.Event{Kind: monitor.KindNew, Time: noon + 3*sec, Gen: 4, Has: always | monitor.AttrTimeout,
		Flow: monitor.Flow{
			Orig:   tuple(monitor.ICMP, "192.168.77.3", "203.0.113.9", 77, 8<<8),
			Reply:  tuple(monitor.ICMP, "203.0.113.9", "203.0.113.1", 59304, 0),
			Status: done | monitor.SrcNAT, Timeout: 30, ID: 10, Path: monitor.PathForward,
		}}},
	{"ping6", monitor.Event{Kind: monitor.KindNew, Time: noon + 4*sec, Gen: 5, Has: always | monitor.AttrTimeout,
		Local: &monitor.Local{Process: "ping", PID: 4711, UID: 1000, User: "ann", Match: monitor.MatchExact},
		Flow: monitor.Flow{
			Orig:   tuple(monitor.ICMPv6, "2001:db8::5", "2001:db8:1::9", 5, 128<<8),
			Reply:  tuple(monitor.ICMPv6, "2001:db8:1::9", "2001:db8::5", 5, 129<<8),
			Status: done, Timeout: 30, ID: 11, Path: monitor.PathOut,
		}}},
	{"gre", monitor.Event{Kind: monitor.KindExisting, Time: noon, Gen: 6,
		Has: always | monitor.AttrTimeout | monitor.AttrMark | monitor.AttrUse,
		Flow: monitor.Flow{
			Orig:   tuple(monitor.GRE, "10.0.0.8", "192.0.2.80", 0x10, 0x2000),
			Reply:  tuple(monitor.GRE, "192.0.2.80", "10.0.0.8", 0x2000, 0x10),
			Status: done | monitor.SeenReply | monitor.Assured, Timeout: 180, ID: 12, Use: 1, Path: monitor.PathForward,
		}}},
	{
		"redirect",
		monitor.Event{Kind: monitor.KindNew, Time: noon, Gen: 7, Has: always | monitor.AttrState | monitor.AttrTimeout,
			Flow: monitor.Flow{
				Orig:   tuple(monitor.TCP, "127.0.0.1", "127.0.0.1", 33000, 8081),
				Reply:  tuple(monitor.TCP, "127.0.0.1", "127.0.0.1", 9091, 33000),
				Status: done | monitor.DstNAT, State: monitor.TCPSynSent, Timeout: 120, ID: 13, Path: monitor.PathLoop,
			}},
	},
	{
		"zoned",
		monitor.Event{Kind: monitor.KindNew, Time: noon, Gen: 8, Has: always | monitor.AttrTimeout | monitor.AttrZone,
			Flow: monitor.Flow{
				Orig:   zoned(tuple(monitor.UDP, "10.0.0.5", "192.0.2.53", 123, 123), 5),
				Reply:  zoned(tuple(monitor.UDP, "192.0.2.53", "10.0.0.5", 123, 123), 5),
				Status: done, Timeout: 30, ID: 14, Zone: 5, Path: monitor.PathForward,
			}},
	},
	{
		"half-zoned",
		monitor.Event{Kind: monitor.KindNew, Time: noon, Gen: 9, Has: always | monitor.AttrTimeout | monitor.AttrZoneOrig,
			Inferred: true,
			Local:    &monitor.Local{Container: "web", Pod: "kube-system/web-0", Match: monitor.MatchAddress},
			Flow: monitor.Flow{
				Orig:   zoned(tuple(monitor.UDP, "10.0.0.6", "192.0.2.53", 124, 123), 6),
				Reply:  tuple(monitor.UDP, "192.0.2.53", "10.0.0.6", 123, 124),
				Status: done, Timeout: 30, ID: 15, Path: monitor.PathIn,
			}},
	},
	{"sctp", monitor.Event{Kind: monitor.KindUpdate, Time: noon, Gen: 10,
		Has:   always | monitor.AttrState | monitor.AttrTimeout | monitor.AttrVTagOrig | monitor.AttrVTagReply,
		Extra: &monitor.Extra{VTagOrig: 0xabc, VTagReply: 0xdef},
		Flow: monitor.Flow{
			Orig:   tuple(monitor.SCTP, "10.0.0.9", "192.0.2.90", 2905, 2905),
			Reply:  tuple(monitor.SCTP, "192.0.2.90", "10.0.0.9", 2905, 2905),
			Status: done | monitor.SeenReply | monitor.Assured, State: 4, Timeout: 210, ID: 16, Path: monitor.PathForward,
		}}},
	{"ftp", monitor.Event{Kind: monitor.KindUpdate, Time: noon + 9*sec, Gen: 11,
		Has:        always | monitor.AttrTimeout,
		Remembered: monitor.AttrHelper | monitor.AttrState,
		Extra:      &monitor.Extra{Helper: []byte("ftp")},
		Flow: monitor.Flow{
			Orig:   tuple(monitor.TCP, "10.0.0.5", "192.0.2.21", 41000, 21),
			Reply:  tuple(monitor.TCP, "192.0.2.21", "10.0.0.5", 21, 41000),
			Status: done | monitor.SeenReply | monitor.Assured, State: monitor.TCPEstablished, Timeout: 432000, ID: 17,
			Path: monitor.PathForward,
		}}},
	{"ftp-data", monitor.Event{Kind: monitor.KindNew, Time: noon + 10*sec, Gen: 12,
		Has: always | monitor.AttrState | monitor.AttrTimeout | monitor.AttrMaster | monitor.AttrSecCtx,
		Extra: &monitor.Extra{
			Master: tuple(monitor.TCP, "10.0.0.5", "192.0.2.21", 41000, 21),
			SecCtx: []byte("system_u:object_r:ftp_t:s0"),
		},
		Flow: monitor.Flow{
			Orig:   tuple(monitor.TCP, "192.0.2.21", "10.0.0.5", 20, 41001),
			Reply:  tuple(monitor.TCP, "10.0.0.5", "192.0.2.21", 41001, 20),
			Status: done | monitor.Expected, State: monitor.TCPSynSent, Timeout: 120, ID: 18, Path: monitor.PathForward,
		}}},
	{"ipvs", monitor.Event{Kind: monitor.KindNew, Time: noon, Gen: 13, PortID: 4242, Has: always | monitor.AttrTimeout,
		Flow: monitor.Flow{
			Orig:   tuple(monitor.Proto(253), "10.0.0.5", "192.0.2.100", 0, 0),
			Reply:  tuple(monitor.Proto(253), "192.0.2.101", "10.0.0.5", 0, 0),
			Status: monitor.Confirmed, Timeout: 600, ID: 19, Path: monitor.PathForward,
		}}},
}

func zoned(t monitor.Tuple, zone uint16) monitor.Tuple {
	t.Zone = zone
	return t
}

// samplePlaces are the places of docs/filters.md, section "The sample".
func samplePlaces(a monitor.Addr) *monitor.Place {
	return map[monitor.Addr]*monitor.Place{
		addr("203.0.113.9"):  {Country: "DE", City: "Berlin", AS: 3320, Org: "Deutsche Telekom AG"},
		addr("198.51.100.7"): {Country: "US", AS: 64501, Org: "Example Networks"},
		addr("192.0.2.21"):   {Country: "NL", City: "Den Haag"},
	}[a]
}

// matching returns the names of the samples that a filter wants.
func matching(e Expr) string { return selected(e, Env{Places: samplePlaces}) }

func selected(e Expr, env Env) string {
	keep := Compile(e, env)
	var names []string
	for i := range samples {
		if keep(&samples[i].Event) {
			names = append(names, samples[i].name)
		}
	}
	return strings.Join(names, " ")
}

// InTuple reports whether the field is in a tuple of every event.
func (f Field) InTuple() bool { return f >= FieldFamily && f <= FieldReplyZone }
