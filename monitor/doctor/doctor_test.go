package doctor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/golden"
)

// healthy is a busy gateway that is well.
func healthy() *Snapshot {
	s := &Snapshot{
		Span: 5 * time.Second,
		Sysctls: map[string]uint64{"events": 1, "acct": 1, "timestamp": 1, "buckets": 262144,
			"tcp_timeout_established": 432000, "udp_timeout": 30, "udp_timeout_stream": 120},
		RMemMax:  212992,
		Place:    Place{Host: true},
		Tracking: monitor.Tracking{IPv4: true, IPv6: true, Count: 2, By: []string{"ip nat post: masq", "inet f in: ct"}},
		Capture:  Capture{Way: "ring", Capacity: 32 << 20, Events: 5000},
		Seen:     5000,
		Fill:     Fill{Begin: 10000, End: 10010, Max: 262144},
		Counters: map[string]Moved{},
		Counts:   &Counts{},
	}
	for _, m := range counters {
		s.Counters[m.word] = Moved{Total: 7}
	}
	for i := range 100 {
		e := flow(monitor.TCP, byte(i%10), 443)
		e.Flow.State, e.Flow.Timeout = monitor.TCPEstablished, 431999
		e.Flow.Status = monitor.SeenReply | monitor.Assured
		s.Counts.Add(e)
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
	for _, c := range Diagnose(healthy()) {
		if c.Level != OK || c.Command != "" && c.ID != "events" {
			t.Errorf("%+v", c)
		}
	}
}

// TestTroubles makes one trouble at a time. Its check, and no other, reports it, with a
// command. testdata/checks.txt has the words.
func TestTroubles(t *testing.T) {
	const sysctl, nft = "sysctl -w net.netfilter.nf_conntrack_", "nft '" + TurnOn + "'"
	var words strings.Builder
	for _, c := range []struct {
		id      string
		level   Level
		command string
		trouble func(*Snapshot)
	}{
		{"privilege", Fail, "sudo natlens doctor", func(s *Snapshot) { deny(s); s.Place.Sudo = true }},
		{"privilege", Fail, "", deny}, // for root the same command would be denied again
		{"conntrack", Fail, "modprobe nf_conntrack", func(s *Snapshot) { clear(s.Sysctls); deny(s) }},
		{"hook", Fail, nft, func(s *Snapshot) { s.Tracking, s.Seen, s.Fill = monitor.Tracking{}, 0, Fill{Max: 10} }},
		{"hook", Fail, nft, func(s *Snapshot) { s.Tracking, s.Seen, s.Fill = monitor.Tracking{}, 0, Fill{1, 1, 10} }},
		{"hook", Warn, nft, func(s *Snapshot) {
			s.Tracking, s.Seen, s.Fill = monitor.Tracking{Legacy: []string{"iptables nat"}}, 0, Fill{Max: 10}
		}},
		{"hook", OK, "", func(s *Snapshot) { s.Tracking = monitor.Tracking{} }},
		{"hook", Skip, "", func(s *Snapshot) { s.Tracking = monitor.Tracking{Unread: "read rules: timeout"} }},
		{"events", Fail, sysctl + "events=1", func(s *Snapshot) { s.Sysctls["events"] = 0 }},
		{"events", OK, sysctl + "events=1", func(s *Snapshot) { s.Sysctls["events"] = 2 }},
		{"ring", Warn, "", func(s *Snapshot) { s.Capture.NotRing = "needs CAP_BPF" }},
		{"queue", Warn, "sysctl -w net.core.rmem_max=16777216", func(s *Snapshot) { s.Capture = Capture{Way: "socket", Capacity: 425984, Events: 5000} }},
		{"queue", Warn, "natlens watch --ring 268435456 --buffer-size 268435456", // --buffer-size made it small
			func(s *Snapshot) { s.Capture = Capture{Way: "socket", Capacity: 16384, Events: 5000} }},
		{"queue", Fail, "natlens watch --ring 268435456 --buffer-size 268435456", func(s *Snapshot) { s.Capture.Lost = 12 }},
		{"acct", Warn, "sudo ip netns exec red " + sysctl + "acct=1",
			func(s *Snapshot) { s.Sysctls["acct"] = 0; s.Place = Place{Sudo: true, Prefix: "ip netns exec red "} }},
		{"acct", OK, "", func(s *Snapshot) { s.Counts.Counted -= 3 }},
		{"timestamp", Warn, sysctl + "timestamp=1", func(s *Snapshot) { s.Sysctls["timestamp"] = 0 }},
		{"helper", Warn, `nft 'add table inet assist; add ct helper inet assist ftp { type "ftp" protocol tcp; }; ` +
			`add chain inet assist pre { type filter hook prerouting priority -150; }; add rule inet assist pre tcp dport 21 ct helper set "ftp"'`,
			func(s *Snapshot) { s.Counts.Add(flow(monitor.TCP, 1, 21)) }},
		{"labels", OK, "", func(s *Snapshot) { s.Counts.Labelled = 1 }},
		{"offload", Warn, "natlens list --netns red status offload", func(s *Snapshot) {
			e := flow(monitor.TCP, 1, 80)
			e.Flow.Status = monitor.Offload
			s.Counts.Add(e)
			s.Place.NetNS = "red"
		}},
		{"table", Warn, sysctl + "max=524288", func(s *Snapshot) { s.Fill = Fill{212000, 212000, 262144} }},
		{"table", Fail, sysctl + "max=524288", func(s *Snapshot) { s.Fill = Fill{262000, 262000, 262144} }},
		{"growth", Warn, sysctl + "max=524288", func(s *Snapshot) { s.Fill.End = 20000 }},
		{"buckets", Warn, sysctl + "buckets=10010", func(s *Snapshot) { s.Sysctls["buckets"] = 4096 }},
		{"buckets", Fail, sysctl + "buckets=10010", func(s *Snapshot) { s.Sysctls["buckets"] = 1024 }},
		{"who", OK, "", func(s *Snapshot) { addUDP(s, 100) }},
		{"who", OK, "", func(s *Snapshot) { addUDP(s, 600); s.Counts.Add(flow(monitor.UDP, 77, 3043)) }}, // a share below 1 % is not named
		{"who", OK, "", func(s *Snapshot) { s.Counts = &Counts{} }},
		{"reclaim", Warn, "natlens delete unreplied", func(s *Snapshot) { s.Fill = Fill{150000, 150000, 262144}; addUDP(s, 200) }},
		{"reclaim", Warn, sysctl + "tcp_timeout_time_wait=30", func(s *Snapshot) {
			s.Fill = Fill{150000, 150000, 262144}
			e := flow(monitor.TCP, 1, 80)
			e.Flow.State, e.Flow.Status = monitor.TCPTimeWait, monitor.SeenReply
			for range 200 {
				s.Counts.Add(e)
			}
		}},
		{"counter.drop", Fail, sysctl + "max=524288", func(s *Snapshot) { s.Counters["drop"] = Moved{9, 1} }},
		{"counter.drop", Fail, sysctl + "max=524288", func(s *Snapshot) { s.Counters["clash_resolve"], s.Counters["drop"] = Moved{9, 2}, Moved{9, 2} }},
		{"counter.early_drop", Fail, sysctl + "max=524288", func(s *Snapshot) { s.Counters["early_drop"] = Moved{9, 1} }},
		{"counter.insert_failed", Warn, "natlens watch event new", func(s *Snapshot) { s.Counters["insert_failed"] = Moved{9, 2} }},
		{"counter.insert_failed", Warn, "natlens watch event new", func(s *Snapshot) { s.Counters["insert_failed"], s.Counters["drop"] = Moved{9, 2}, Moved{9, 2} }},
		{"counter.insert_failed", Fail, "natlens watch event new", func(s *Snapshot) { s.Counters["insert_failed"] = Moved{90, 60} }},
		{"counter.chaintoolong", Fail, sysctl + "buckets=524288", func(s *Snapshot) { s.Counters["chaintoolong"] = Moved{1, 1} }},
		{"counter.clash_resolve", Warn, "natlens watch event new", func(s *Snapshot) { s.Counters["clash_resolve"] = Moved{90, 60} }},
		{"counter.search_restart", Warn, sysctl + "buckets=524288", func(s *Snapshot) { s.Counters["search_restart"] = Moved{6000, 5000} }},
		{"counter.invalid", Warn, sysctl + "log_invalid=255", func(s *Snapshot) { s.Counters["invalid"] = Moved{90, 60} }},
		{"counter.error", Warn, sysctl + "log_invalid=255", func(s *Snapshot) { s.Counters["error"] = Moved{90, 60} }},
		{"counter.error", Skip, "", func(s *Snapshot) { delete(s.Counters, "error") }},
		{"timeout.established", Warn, sysctl + "tcp_timeout_established=7440", func(s *Snapshot) { s.Counts.Idle = 1000 }},
		{"timeout.udp", Warn, sysctl + "udp_timeout=120", func(s *Snapshot) { s.Counts.QuietUDP, s.Counts.DNS = 12, 3 }},
		{"timeout.udp", Skip, "", func(s *Snapshot) { delete(s.Sysctls, "udp_timeout") }},
	} {
		s := healthy()
		c.trouble(s)
		all := Diagnose(s)
		got := find(t, all, c.id)
		if got.Level != c.level || got.Command != c.command {
			t.Errorf("%s: got %s %q, want %s %q", c.id, got.Level, got.Command, c.level, c.command)
		}
		fmt.Fprintf(&words, "%s %s: %s\n", c.id, got.Level, got.Text)
		for _, other := range all {
			if other.ID != c.id && (other.Level == Warn || other.Level == Fail) && s.Denied == "" {
				t.Errorf("%s: beside it %+v", c.id, other)
			}
		}
	}
	for _, c := range Diagnose(healthy()) {
		fmt.Fprintf(&words, "%s %s: %s\n", c.ID, c.Level, c.Text)
	}
	golden.File(t, "checks.txt", words.String())
}

// deny takes the privilege from a snapshot.
func deny(s *Snapshot) {
	s.Denied, s.Counts, s.Counters = "CAP_NET_ADMIN is missing", nil, nil
}

// addUDP adds unanswered flows of one host.
func addUDP(s *Snapshot, n int) {
	for range n {
		s.Counts.Add(flow(monitor.UDP, 77, 53))
	}
}

// TestEvidence holds figures of the evidence, which JSON shows.
func TestEvidence(t *testing.T) {
	s := healthy()
	s.Fill = Fill{10000, 20000, 262144}
	s.Counters["drop"], s.Counters["insert_failed"] = Moved{9, 5}, Moved{7, 3}
	addUDP(s, 300)
	all := Diagnose(s)
	for _, c := range []struct{ id, figure, want string }{
		{"table", "percent", "7.62939453125"},
		{"growth", "per_minute", "120000"},
		{"buckets", "chain", "0.152587890625"},
		{"queue", "holds", "209715"},
		{"queue", "events_per_second", "1000"},
		{"acct", "without_counters", "0"},
		{"counter.drop", "moved", "5"},
		{"counter.drop", "per_second", "0.4"}, // without those that insert_failed has
		{"reclaim", "unreplied", "300"},
		{"who", "sources", "[{10.0.0.77 300 0 75} {10.0.0.0 10 0 2.5}"},
		{"who", "destinations", "[{192.0.2.1 400 0 100}]"},
		{"who", "ports", "[{udp dport 53 300 0 75} {tcp dport 443 100 0 25}]"},
		{"who", "states", "[{udp UNREPLIED 300 0 75} {tcp ESTABLISHED 100 0 25}]"},
		{"timeout.established", "established", "100"},
	} {
		if got := fmt.Sprint(find(t, all, c.id).Evidence[c.figure]); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %s: %s, want %s", c.id, c.figure, got, c.want)
		}
	}
}

// TestDenied skips all checks that need the privilege.
func TestDenied(t *testing.T) {
	s := healthy()
	deny(s)
	var got []string
	all := Diagnose(s)
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
}

// TestDropsAlone counts drops once: an entry that can't be inserted moves two counters.
func TestDropsAlone(t *testing.T) {
	for _, c := range []struct {
		drop, failed, long uint64
		want               uint64
		level              Level
	}{
		{3, 3, 0, 0, OK},
		{0, 3, 3, 0, OK},
		{3, 3, 3, 3, Fail},
		{5, 3, 1, 3, Fail},
	} {
		s := healthy()
		s.Counters["drop"], s.Counters["insert_failed"], s.Counters["chaintoolong"] = Moved{c.drop, c.drop}, Moved{c.failed, c.failed}, Moved{c.long, c.long}
		got := find(t, Diagnose(s), "counter.drop")
		if got.Level != c.level || got.Evidence["per_second"] != s.PerSecond(c.want) {
			t.Errorf("%+v: got %+v", c, got)
		}
		golden.Words(t, fmt.Sprint(c.drop, c.failed, c.long), got.Means)
	}
}

// TestLogInvalid expects the advice for a network namespace to have both settings: without
// the one on the host the kernel logs nothing.
func TestLogInvalid(t *testing.T) {
	const all, invalid = "sysctl -w net.netfilter.nf_log_all_netns=1", "sysctl -w net.netfilter.nf_conntrack_log_invalid=255"
	for want, p := range map[string]Place{
		invalid:                                  {Host: true},
		"sudo " + invalid:                        {Sudo: true},
		all + " && ip netns exec red " + invalid: {Host: true, NetNS: "red", Prefix: "ip netns exec red "},
		"sudo " + all + " && sudo ip netns exec red " + invalid:  {Sudo: true, NetNS: "red", Prefix: "ip netns exec red "},
		"nsenter --net=/proc/1/ns/net " + all + " && " + invalid: {},
	} {
		s := healthy()
		s.Place, s.Counters["invalid"] = p, Moved{90, 60}
		if got := find(t, Diagnose(s), "counter.invalid").Command; got != want {
			t.Errorf("%+v: %s, want %s", p, got, want)
		}
	}
}

func TestFixes(t *testing.T) {
	s := healthy()
	s.Sysctls["acct"], s.Sysctls["events"] = 0, 2
	s.Counts.Idle = 5000 // mended by a setting that changes what people rely on
	if got := fmt.Sprint(Fixes(Diagnose(s))); got != "[{net.netfilter.nf_conntrack_acct 1}]" {
		t.Errorf("got %s", got)
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
		if got := p.Setting("net.netfilter.nf_conntrack_max", 9); got != want {
			t.Errorf("%+v: %s, want %s", p, got, want)
		}
	}
}

// TestIdle counts flows of which two dumps show that they had no packet for an hour: not
// those that had one in between, nor those whose timeout shows nothing because data is not
// acknowledged.
func TestIdle(t *testing.T) {
	before := map[uint16]monitor.Reading{}
	c := Counts{Timeouts: monitor.TCPTimeouts{Established: 7200, Unacknowledged: 300, MaxRetrans: 300},
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

// TestCountsExact counts flows of more sources than are kept, and expects exact counts and
// what is beyond.
func TestCountsExact(t *testing.T) {
	var c Counts
	for i := range uint32(maxKeys + 1000) {
		e := flow(monitor.UDP, 0, 53)
		e.Flow.Orig.Src = monitor.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		c.Add(e)
		if i%100 == 7 {
			c.Add(flow(monitor.UDP, 7, 53))
		}
	}
	extra := uint64(maxKeys+1000)/100 + 1
	if got := c.most(0, 2); len(got) != 2 || got[0].Name != "10.0.0.7" || got[0].Flows != 1+extra || got[1].Flows != 1 || got[0].Over != 0 {
		t.Errorf("%+v; %d extra", got, extra)
	}
	if c.beyond != 1000 || c.Flows != maxKeys+1000+extra {
		t.Errorf("%d beyond, %d flows", c.beyond, c.Flows)
	}
}

// TestQuiet holds the reason for the silence and the command that ends it.
func TestQuiet(t *testing.T) {
	var words strings.Builder
	for _, c := range []struct {
		make    func(*Snapshot)
		command string
	}{
		{func(s *Snapshot) { s.Tracking, s.Fill = monitor.Tracking{}, Fill{} }, "nft '" + TurnOn + "'"},
		{func(s *Snapshot) { s.Sysctls["events"] = 0 }, "sysctl -w net.netfilter.nf_conntrack_events=1"},
		{func(s *Snapshot) { s.Sysctls["events"] = 2 }, "sysctl -w net.netfilter.nf_conntrack_events=1"},
		{func(*Snapshot) {}, "ip netns list"},
	} {
		s := healthy()
		s.Capture, s.Seen, s.Span = Capture{}, 0, 0
		c.make(s)
		reason, command := Quiet(s)
		if command != c.command {
			t.Errorf("%s: %s, want %s", reason, command, c.command)
		}
		fmt.Fprintln(&words, reason)
	}
	s := healthy()
	if reason, command := Uncounted(s); reason != "" || command != "" {
		t.Error(reason, command)
	}
	s.Sysctls["acct"] = 0
	reason, command := Uncounted(s)
	if command != "sysctl -w net.netfilter.nf_conntrack_acct=1" {
		t.Error(command)
	}
	fmt.Fprintln(&words, reason)
	golden.File(t, "quiet.txt", words.String())
}
