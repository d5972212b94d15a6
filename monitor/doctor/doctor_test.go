package doctor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"natlens/monitor"
)

// healthy is a busy gateway that is well.
func healthy() *Snapshot {
	s := &Snapshot{
		Look: 5 * time.Second,
		Sysctls: map[string]uint64{"events": 1, "acct": 1, "timestamp": 1, "buckets": 262144,
			"tcp_timeout_established": 432000, "udp_timeout": 30, "udp_timeout_stream": 120},
		RMemMax:  212992,
		Place:    Place{Host: true},
		Tracking: Tracking{IPv4: true, IPv6: true, Count: 2, By: []string{"ip nat post: masq", "inet f in: ct"}},
		Capture:  Capture{Way: "ring", Capacity: 32 << 20, Events: 5000},
		Fill:     Fill{Begin: 10000, End: 10010, Max: 262144},
		Counters: map[string]Moved{},
		Census:   &Census{},
	}
	for _, m := range meanings {
		s.Counters[m.word] = Moved{Total: 7}
	}
	for i := range 100 {
		e := flow(monitor.TCP, byte(i%10), 443)
		e.Flow.State, e.Flow.Timeout = monitor.TCPEstablished, 431999
		e.Flow.Status = monitor.SeenReply | monitor.Assured
		s.Census.Add(e)
	}
	return s
}

func flow(p monitor.Proto, host byte, port uint16) *monitor.Event {
	e := &monitor.Event{Kind: monitor.KindExisting, Has: monitor.AttrCountersOrig}
	e.Flow.Orig = monitor.Tuple{Src: monitor.AddrFrom4([4]byte{10, 0, 0, host}), Dst: monitor.AddrFrom4([4]byte{192, 0, 2, 1}),
		SrcPort: 4000, DstPort: port, Proto: p, Family: monitor.IPv4}
	return e
}

func find(t *testing.T, all []Check, id string) Check {
	t.Helper()
	for _, c := range all {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("there is no check %s", id)
	return Check{}
}

func TestHealthy(t *testing.T) {
	for _, c := range Diagnose(healthy(), DefaultLimits) {
		if c.Level != OK || c.Command != "" && c.ID != "events" {
			t.Errorf("%+v", c)
		}
	}
}

// TestTroubles makes one trouble at a time, and expects its check, and no other,
// to tell it.
func TestTroubles(t *testing.T) {
	for _, c := range []struct {
		id      string
		level   Level
		trouble func(*Snapshot)
		text    string
		command string
	}{
		{"hook", Fail, func(s *Snapshot) { s.Tracking = Tracking{}; s.Capture.Events = 0; s.Fill = Fill{Max: 10} },
			"nothing is tracked here: no rule of nftables or iptables in this network namespace turns conntrack on", "nft '" + TurnOn + "'"},
		{"hook", Warn, func(s *Snapshot) {
			s.Tracking = Tracking{Legacy: []string{"iptables nat"}}
			s.Capture.Events, s.Fill = 0, Fill{Max: 10}
		},
			"tracking may be turned on by iptables-legacy, which has iptables nat: its rules can't be read", "nft '" + TurnOn + "'"},
		{"hook", Skip, func(s *Snapshot) { s.Tracking = Tracking{Unread: "read rules: timeout"} }, "not looked at: read rules: timeout", ""},
		{"events", Fail, func(s *Snapshot) { s.Sysctls["events"] = 0 },
			"no flow sends events: nf_conntrack_events is 0; flows that begin from its change on do", "sysctl -w net.netfilter.nf_conntrack_events=1"},
		{"ring", Warn, func(s *Snapshot) { s.Capture.NotRing = "needs CAP_BPF" },
			"events come through a socket, which costs more and holds less than the ring: needs CAP_BPF", ""},
		{"queue", Warn, func(s *Snapshot) { s.Capture = Capture{Way: "socket", Capacity: 425984, Events: 5000} },
			"the queue (socket of 425,984 bytes) holds 332 events, 332ms of the 1000 events/s seen", "sysctl -w net.core.rmem_max=16777216"},
		{"queue", Warn, func(s *Snapshot) { s.Capture = Capture{Way: "socket", Capacity: 16384, Events: 5000} }, // by --buffer-size
			"the queue (socket of 16,384 bytes) holds 12 events, 12ms of the 1000 events/s seen", "natlens watch --ring 268435456 --buffer-size 268435456"},
		{"queue", Fail, func(s *Snapshot) { s.Capture.Lost = 12 },
			"the queue (ring of 33,554,432 bytes) holds 209,715 events, 3 min of the 1000 events/s seen; 12 events were lost",
			"natlens watch --ring 268435456 --buffer-size 268435456"},
		{"acct", Warn, func(s *Snapshot) { s.Sysctls["acct"] = 0; s.Place = Place{Sudo: true, Prefix: "ip netns exec red "} },
			"packets and bytes are not counted: nf_conntrack_acct is 0; flows that begin from its change on have counters",
			"sudo ip netns exec red sysctl -w net.netfilter.nf_conntrack_acct=1"},
		{"timestamp", Warn, func(s *Snapshot) { s.Sysctls["timestamp"] = 0 },
			"the kernel keeps no times: nf_conntrack_timestamp is 0; events bear the time at which they were captured, and flows that were there before have no age",
			"sysctl -w net.netfilter.nf_conntrack_timestamp=1"},
		{"helper", Warn, func(s *Snapshot) { s.Census.Add(flow(monitor.TCP, 1, 21)) },
			"0 flows have a helper; without one: 1 flow to tcp port 21: connections that they agree on inside (FTP data, PPTP calls) are neither expected nor translated",
			`nft 'add table inet assist; add ct helper inet assist ftp { type "ftp" protocol tcp; }; ` +
				`add chain inet assist pre { type filter hook prerouting priority -150; }; add rule inet assist pre tcp dport 21 ct helper set "ftp"'`},
		{"offload", Warn, func(s *Snapshot) {
			e := flow(monitor.TCP, 1, 80)
			e.Flow.Status = monitor.Offload
			s.Census.Add(e)
			s.Place.NetNS = "red"
		}, "1 flow goes past conntrack by a flow table: their state stands still, and their counters mean little unless the flow table has the flag counter",
			"natlens list --netns red status offload"},
		{"table", Warn, func(s *Snapshot) { s.Fill = Fill{212000, 212000, 262144} }, "212,000 flows of 262,144, 80.9 % full", "sysctl -w net.netfilter.nf_conntrack_max=524288"},
		{"table", Fail, func(s *Snapshot) { s.Fill = Fill{262000, 262000, 262144}; s.Place.Host = true },
			"262,000 flows of 262,144, 99.9 % full: when it is full, flows without a reply are thrown out, and then new connections are dropped",
			"sysctl -w net.netfilter.nf_conntrack_max=524288"},
		{"growth", Warn, func(s *Snapshot) { s.Fill.End = 20000 }, "the table changed by +120000 flows a minute: at this rate it is full in 2 min",
			"sysctl -w net.netfilter.nf_conntrack_max=524288"},
		{"buckets", Warn, func(s *Snapshot) { s.Sysctls["buckets"] = 4096 },
			"4.89 hash entries a bucket (of 4,096, which all network namespaces share): each packet's look-up walks so many", "sysctl -w net.netfilter.nf_conntrack_buckets=10010"},
		{"buckets", Fail, func(s *Snapshot) { s.Sysctls["buckets"] = 1024 },
			"19.55 hash entries a bucket (of 1,024, which all network namespaces share): chains of more than 50 entries make the kernel drop packets",
			"sysctl -w net.netfilter.nf_conntrack_buckets=10010"},
		{"reclaim", Warn, func(s *Snapshot) {
			s.Fill = Fill{150000, 150000, 262144}
			for range 200 {
				s.Census.Add(flow(monitor.UDP, 1, 53))
			}
		}, "67 % of the flows could go: 200 without a reply, 0 in TIME_WAIT", "natlens delete unreplied"},
		{"reclaim", Warn, func(s *Snapshot) {
			s.Fill = Fill{150000, 150000, 262144}
			e := flow(monitor.TCP, 1, 80)
			e.Flow.State, e.Flow.Status = monitor.TCPTimeWait, monitor.SeenReply
			for range 200 {
				s.Census.Add(e)
			}
		}, "67 % of the flows could go: 0 without a reply, 200 in TIME_WAIT", "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=30"},
		{"counter.insert_failed", Warn, func(s *Snapshot) { s.Counters["insert_failed"] = Moved{9, 2} },
			"insert_failed moved by 2 in 5s, 0.4 a second: new flows are dropped, because another packet's flow took their place first, or NAT ran out of ports for them",
			"natlens watch event new"},
		{"counter.drop", Fail, func(s *Snapshot) { s.Counters["drop"] = Moved{9, 1} },
			"drop moved by 1 in 5s, 0.2 a second: packets are dropped, because the table is full or memory short", "sysctl -w net.netfilter.nf_conntrack_max=524288"},
		{"counter.insert_failed", Warn, func(s *Snapshot) { s.Counters["insert_failed"], s.Counters["drop"] = Moved{9, 2}, Moved{9, 2} },
			"insert_failed moved by 2 in 5s, 0.4 a second: new flows are dropped, because another packet's flow took their place first, or NAT ran out of ports for them",
			"natlens watch event new"},
		{"counter.drop", Fail, func(s *Snapshot) { s.Counters["clash_resolve"], s.Counters["drop"] = Moved{9, 2}, Moved{9, 2} },
			"drop moved by 2 in 5s, 0.4 a second: packets are dropped, because the table is full or memory short", "sysctl -w net.netfilter.nf_conntrack_max=524288"},
		{"counter.invalid", Warn, func(s *Snapshot) { s.Counters["invalid"] = Moved{90, 60} },
			"invalid moved by 60 in 5s, 12 a second: packets belong to no connection that the kernel could follow: out of window, or routed another way back",
			"sysctl -w net.netfilter.nf_conntrack_log_invalid=255"},
		{"counter.error", Warn, func(s *Snapshot) { s.Counters["error"] = Moved{90, 60} },
			"error moved by 60 in 5s, 12 a second: ICMP messages are malformed, or tell of an error of a flow that is not in the table",
			"sysctl -w net.netfilter.nf_conntrack_log_invalid=255"},
		{"counter.search_restart", Warn, func(s *Snapshot) { s.Counters["search_restart"] = Moved{6000, 5000} },
			"search_restart moved by 5,000 in 5s, 1,000 a second: look-ups begin again, because entries moved under them",
			"sysctl -w net.netfilter.nf_conntrack_buckets=524288"},
		{"counter.chaintoolong", Fail, func(s *Snapshot) { s.Counters["chaintoolong"] = Moved{1, 1} },
			"chaintoolong moved by 1 in 5s, 0.2 a second: new flows are dropped, because their bucket is full",
			"sysctl -w net.netfilter.nf_conntrack_buckets=524288"},
		{"timeout.established", Warn, func(s *Snapshot) { s.Census.Idle = 1000 },
			"TCP connections are kept for 5 days without a packet; 1,000 of 100 had none for an hour: most of such connections are dead; RFC 5382 asks for 2 h 4 min at the least",
			"sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=7440"},
		{"timeout.udp", Warn, func(s *Snapshot) { s.Census.LongUDP = 12 },
			"UDP flows live 30 s without a packet, 120 s once packets went both ways for 2 s; 12 flows of SIP, STUN, IPsec or a VPN, whose ends keep quiet for as long, lose their way back",
			"sysctl -w net.netfilter.nf_conntrack_udp_timeout=120"},
		{"conntrack", Fail, func(s *Snapshot) { clear(s.Sysctls); s.Denied = "x" },
			"the kernel has no connection tracking: there is no net.netfilter.nf_conntrack_max", "modprobe nf_conntrack"},
	} {
		s := healthy()
		c.trouble(s)
		all := Diagnose(s, DefaultLimits)
		got := find(t, all, c.id)
		if got.Level != c.level || got.Text != c.text || got.Command != c.command {
			t.Errorf("%s: got\n%s %s\n%s\nwant\n%s %s\n%s", c.id, got.Level, got.Text, got.Command, c.level, c.text, c.command)
		}
		for _, other := range all {
			if other.ID != c.id && (other.Level == Warn || other.Level == Fail) && s.Denied == "" {
				t.Errorf("%s: beside it %+v", c.id, other)
			}
		}
	}
}

// TestDeniedRoot expects no command for root that lacks a capability: the same one
// would be denied again.
func TestDeniedRoot(t *testing.T) {
	s := healthy()
	s.Denied, s.Census, s.Counters = "CAP_NET_ADMIN is missing", nil, nil
	const want = "flows, rules and events can't be read: CAP_NET_ADMIN is missing; root lacks it here, as in a container: start that with it, and with CAP_BPF for the ring"
	if c := find(t, Diagnose(s, DefaultLimits), "privilege"); c.Text != want || c.Command != "" {
		t.Errorf("%+v", c)
	}
}

// TestDenied expects all that takes a privilege to be skipped, and to be said so
// once.
func TestDenied(t *testing.T) {
	s := healthy()
	s.Denied, s.Census, s.Counters, s.Place.Sudo = "CAP_NET_ADMIN is missing", nil, nil, true
	var got []string
	all := Diagnose(s, DefaultLimits)
	for _, c := range all {
		if c.Level != OK {
			got = append(got, c.ID+" "+c.Level.String())
		}
	}
	want := "privilege fail,hook skip,ring skip,queue skip,helper skip,labels skip,offload skip,table skip,growth skip,buckets skip,who skip,reclaim skip," +
		"counter.drop skip,counter.early_drop skip,counter.insert_failed skip,counter.chaintoolong skip,counter.clash_resolve skip,counter.search_restart skip,counter.invalid skip,counter.error skip"
	if text := strings.Join(got, ","); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if c := find(t, all, "who"); c.Text != "not looked at: it takes the privilege that is missing" {
		t.Errorf("%+v", c)
	}
	if c := find(t, all, "privilege"); c.Command != "sudo natlens doctor" || Worst(all) != Fail {
		t.Errorf("%+v", c)
	}
}

// TestDropsAlone expects drops to be told once: an entry that can't be inserted
// moves two counters.
func TestDropsAlone(t *testing.T) {
	for _, c := range []struct {
		drop, failed, long uint64
		want               string
	}{
		{3, 3, 0, "drop moved by 3 in 5s, each for an insert_failed"},
		{0, 3, 3, "drop stood still at 0"},
		{3, 3, 3, "drop moved by 3 in 5s, 0.6 a second: packets are dropped, because the table is full or memory short"},
		{5, 3, 1, "drop moved by 3 in 5s, 0.6 a second: packets are dropped, because the table is full or memory short"},
	} {
		s := healthy()
		s.Counters["drop"], s.Counters["insert_failed"], s.Counters["chaintoolong"] = Moved{c.drop, c.drop}, Moved{c.failed, c.failed}, Moved{c.long, c.long}
		if got := find(t, Diagnose(s, DefaultLimits), "counter.drop"); got.Text != c.want {
			t.Errorf("%+v: got %s", c, got.Text)
		}
	}
}

func TestFixes(t *testing.T) {
	s := healthy()
	s.Sysctls["acct"], s.Sysctls["events"] = 0, 2
	s.Census.Idle = 5000 // mended by a setting that changes what people rely on
	if got := fmt.Sprint(Fixes(Diagnose(s, DefaultLimits))); got != "[{net.netfilter.nf_conntrack_acct 1}]" {
		t.Errorf("got %s", got)
	}
}

// TestWho holds the line that says who fills the table.
func TestWho(t *testing.T) {
	s := healthy()
	for range 100 {
		s.Census.Add(flow(monitor.UDP, 77, 53))
	}
	const want = "from 10.0.0.77 50 %, 10.0.0.0 5 %, 10.0.0.1 5 %; to 192.0.2.1 100 %; by port tcp dport 443 50 %, udp dport 53 50 %; in state tcp ESTABLISHED 50 %, udp UNREPLIED 50 %"
	if c := find(t, Diagnose(s, DefaultLimits), "who"); c.Text != want || c.Level != OK {
		t.Errorf("got  %s\nwant %s", c.Text, want)
	}
}

// TestWhoNamesNoTrifle expects no name beside the first whose share is below 1 %.
func TestWhoNamesNoTrifle(t *testing.T) {
	s := healthy()
	for i := range 600 {
		s.Census.Add(flow(monitor.UDP, 77, 53))
		if i == 0 {
			s.Census.Add(flow(monitor.UDP, 77, 3043))
		}
	}
	const want = "from 10.0.0.77 86 %, 10.0.0.0 1 %, 10.0.0.1 1 %; to 192.0.2.1 100 %; by port udp dport 53 86 %, tcp dport 443 14 %; in state udp UNREPLIED 86 %, tcp ESTABLISHED 14 %"
	if c := find(t, Diagnose(s, DefaultLimits), "who"); c.Text != want {
		t.Errorf("got  %s\nwant %s", c.Text, want)
	}
}

// TestHostCommand expects a command for a setting of the whole host that works where
// it is typed.
func TestHostCommand(t *testing.T) {
	for want, p := range map[string]Place{
		"sysctl -w net.netfilter.nf_conntrack_max=9":                              {Host: true, NetNS: "red", Prefix: "ip netns exec red "},
		"sudo sysctl -w net.netfilter.nf_conntrack_max=9":                         {Sudo: true},
		"nsenter --net=/proc/1/ns/net sysctl -w net.netfilter.nf_conntrack_max=9": {},
	} {
		if got := (&Snapshot{Place: p}).host("net.netfilter.nf_conntrack_max", 9); got != want {
			t.Errorf("%+v: %s, want %s", p, got, want)
		}
	}
}

// TestIdle counts flows of which two dumps show that they had no packet for an hour: not
// those that had one in between, nor those whose timeout shows nothing because data is not
// acknowledged.
func TestIdle(t *testing.T) {
	before := map[uint16]monitor.Reading{}
	c := Census{Timeouts: monitor.TCPTimeouts{Established: 7200, Unacknowledged: 300, MaxRetrans: 300},
		Before: func(orig monitor.Tuple) (monitor.Reading, bool) { r, ok := before[orig.SrcPort]; return r, ok }}
	const second = 1_000_000_000
	for i, one := range []struct {
		before, now       uint32 // timeouts
		packets, packets2 uint64
	}{
		{7200, 7200, 1, 1},
		{3606, 3601, 1, 1},
		{3605, 3600, 1, 1}, // an hour
		{3600, 3595, 1, 2}, // a packet
		{2000, 1995, 1, 1}, // idle
		{300, 295, 1, 1},   // data is not acknowledged
		{0, 1000, 0, 1},    // was not there before
	} {
		e := flow(monitor.TCP, 1, 80)
		e.Time, e.Flow.Orig.SrcPort = 10*second, uint16(i)
		e.Flow.State, e.Flow.Timeout, e.Flow.CountersOrig.Packets = monitor.TCPEstablished, one.now, one.packets2
		if one.before != 0 {
			before[uint16(i)] = monitor.Reading{At: 5 * second, Timeout: one.before, Packets: one.packets, Counted: true}
		}
		c.Add(e)
	}
	if c.Established != 7 || c.Idle != 2 {
		t.Errorf("%d of %d are idle", c.Idle, c.Established)
	}
}

// TestTop counts a million keys, and expects what is promised: bounded memory,
// none of the frequent missed, no count too high by more than n/512.
func TestTop(t *testing.T) {
	var top Top[int]
	exact := map[int]uint64{}
	const n = 1_000_000
	for i := range n {
		key := i + 1000 // once
		if i%10 == 0 {
			key = i / 10 % 20 // 20 keys with 0.5 % each
		}
		exact[key]++
		top.Add(key)
	}
	if len(top.slots) != topSize || len(top.at) != topSize {
		t.Fatalf("%d slots, %d keys", len(top.slots), len(top.at))
	}
	frequent := map[int]bool{}
	for i, m := range top.Most(topSize, func(a, b int) int { return a - b }) {
		if i < 20 {
			frequent[m.Key] = true
		}
		if m.N < exact[m.Key] || m.N-m.Over > exact[m.Key] || m.N-exact[m.Key] > n/topSize {
			t.Errorf("%d: %d, too high by %d at the most; it occurred %d times", m.Key, m.N, m.Over, exact[m.Key])
		}
	}
	for key := range 20 {
		if !frequent[key] {
			t.Errorf("%d is not among the most", key)
		}
	}
}

func TestQuiet(t *testing.T) {
	for _, c := range []struct {
		make            func(*Snapshot)
		reason, command string
	}{
		{func(s *Snapshot) { s.Tracking, s.Fill = Tracking{}, Fill{} },
			"nothing is tracked here: no rule of nftables or iptables in this network namespace turns conntrack on", "nft '" + TurnOn + "'"},
		{func(s *Snapshot) { s.Sysctls["events"] = 0 }, "no flow sends events: nf_conntrack_events is 0; flows that begin from its change on do",
			"sysctl -w net.netfilter.nf_conntrack_events=1"},
		{func(s *Snapshot) { s.Sysctls["events"] = 2 },
			"no flow began or ended; of 10,010 flows in the table, those that began while nobody listened stay silent (nf_conntrack_events is 2)",
			"sysctl -w net.netfilter.nf_conntrack_events=1"},
		{func(*Snapshot) {}, "no flow began, changed or ended in this network namespace, which tracks 10,010 flows; other namespaces have events of their own", "ip netns list"},
	} {
		s := healthy()
		s.Capture, s.Look = Capture{}, 0
		c.make(s)
		if reason, command := Quiet(s); reason != c.reason || command != c.command {
			t.Errorf("got\n%s\n%s\nwant\n%s\n%s", reason, command, c.reason, c.command)
		}
	}
}
