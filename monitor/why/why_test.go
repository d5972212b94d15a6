package why

import (
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/doctor"
)

func at(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

func tuple(src, dst string) monitor.Tuple {
	s, d := at(src), at(dst)
	return monitor.Tuple{
		Proto: monitor.TCP, Family: monitor.IPv4, Src: monitor.AddrFrom(s.Addr()), Dst: monitor.AddrFrom(d.Addr()),
		SrcPort: s.Port(), DstPort: d.Port(),
	}
}

const (
	sender = "198.51.100.7:40000"
	public = "203.0.113.1:8080"
	web    = "192.168.77.2:80"
)

var dnat = Rule{"ip nat prerouting", "prerouting", 4, `iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80`}

// healthy are the facts of a port forward that works, changed by a test.
func healthy(change func(*Facts)) *Facts {
	f := &Facts{
		Proto: monitor.TCP, To: at(public), Waited: 1500 * time.Millisecond, Place: doctor.Place{Sudo: true},
		Packet: &Packet{
			Proto: monitor.TCP, Src: at(sender), Dst: at(public), NewSrc: at(sender), NewDst: at(web),
			In: "wan", Out: "lan", Tracked: true, Routed: true, AskedNAT: true, DNAT: &dnat,
		},
		Flow: &monitor.Flow{
			ID: 7, Orig: tuple(sender, public), Reply: tuple(web, sender), State: monitor.TCPEstablished,
			Status: monitor.SeenReply | monitor.Assured | monitor.Confirmed | monitor.DstNAT,
		},
		Answers: []Packet{{
			Proto: monitor.TCP, Src: at(web), Dst: at(sender), NewSrc: at(public), NewDst: at(sender),
			In: "lan", Out: "wan", Tracked: true, Routed: true,
		}},
		Locals: monitor.NewLocals([]netip.Addr{at(public).Addr(), netip.MustParseAddr("192.168.77.1")},
			netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("192.168.77.0/24")),
		Forwards: []Rule{dnat}, There: Route{Dev: "lan"}, Back: Route{Dev: "wan", Via: netip.MustParseAddr("203.0.113.254")},
		Neighbour: "REACHABLE", Forwarding: true, Entries: 10, Max: 1000, Grown: map[string]uint64{},
	}
	change(f)
	return f
}

// unanswered are the facts of a port forward without an answer.
func unanswered(change func(*Facts)) *Facts {
	return healthy(func(f *Facts) {
		f.Answers, f.Flow.State, f.Flow.Status = nil, monitor.TCPSynSent, monitor.Confirmed|monitor.DstNAT
		change(f)
	})
}

func icmp(from, in string, kind uint16) []Packet {
	return []Packet{{Proto: monitor.ICMP, Src: netip.AddrPortFrom(netip.MustParseAddr(from), 0),
		Dst: netip.AddrPortFrom(at(sender).Addr(), 0), In: in, Out: "wan", ICMP: kind, Tracked: true, Routed: true}}
}

var drop = Rule{"inet fw forward", "forward", 9, "tcp dport 80 drop"}

var tests = []struct {
	what  string
	facts *Facts
	want  string // verdict, sentence, and remedy
}{
	{"healthy", healthy(func(*Facts) {}), "works: It works: 192.168.77.2:80 answers what is sent to 203.0.113.1:8080."},
	{"none came", &Facts{Proto: monitor.UDP, To: at("203.0.113.9:53"), From: at(sender).Addr(), Waited: time.Second},
		"no-packet: No udp packet from 198.51.100.7 to 203.0.113.9:53 came in 1s, and 203.0.113.9 is not an address of this " +
			"host. → tcpdump -ni any 'udp and dst host 203.0.113.9 and dst port 53'"},
	{"a rule drops it", unanswered(func(f *Facts) { f.Packet.Dropped, f.Flow = &drop, nil }), "dropped: The packet is dropped " +
		"in FORWARD by rule inet fw forward handle 9 (tcp dport 80 drop). → sudo nft insert rule inet fw forward handle 9 " +
		"ip daddr 192.168.77.2 tcp dport 80 accept"},
	{"a policy drops it", unanswered(func(f *Facts) { f.Packet.Dropped = &Rule{"ip filter FORWARD", "forward", 0, ""} }),
		"dropped: The packet is dropped in FORWARD by the policy of ip filter FORWARD. → sudo nft add rule ip filter FORWARD " +
			"ip daddr 192.168.77.2 tcp dport 80 accept"},
	{"notrack", unanswered(func(f *Facts) { f.Packet.Untracks = &Rule{"ip raw PREROUTING", "prerouting", 2, "notrack"} }),
		"untracked: The packet is not tracked because of rule ip raw PREROUTING handle 2 (notrack), so NAT never sees it. " +
			"→ sudo nft delete rule ip raw PREROUTING handle 2"},
	{"full", unanswered(func(f *Facts) { f.Packet.Tracked, f.Packet.Routed, f.Entries = false, false, 1000 }),
		"table-full: The table of flows is full (1000 of 1000), so conntrack drops the packet. → " +
			"sudo sysctl -w net.netfilter.nf_conntrack_max=2000"},
	{"dropped by conntrack", unanswered(func(f *Facts) { f.Packet.Tracked, f.Packet.Routed = false, false }),
		"conntrack-drop: conntrack drops the packet. → sudo natlens doctor"},
	{"rp_filter, by its counter", unanswered(func(f *Facts) { f.Packet.Routed, f.Grown[ReversePath] = false, 1 }),
		"rp-filter: The packet is dropped by rp_filter of wan: the route to its sender 198.51.100.7 uses another interface. " +
			"→ sudo sysctl -w net.ipv4.conf.wan.rp_filter=2"},
	{"no forwarding", unanswered(func(f *Facts) { f.Packet.Routed, f.Forwarding = false, false }), "not-forwarding: This host " +
		"does not forward packets between interfaces. → sudo sysctl -w net.ipv4.ip_forward=1"},
	{"no route", unanswered(func(f *Facts) { f.Packet.Routed, f.There = false, Route{Missing: true} }),
		"no-route: This host has no route to 192.168.77.2. → sudo ip route add 192.168.77.2 via ROUTER"},
	{"lost", unanswered(func(f *Facts) { f.Packet.Routed = false }),
		"lost: No rule drops the packet, but it is lost in routing. → sudo nstat -az 'Ip*'"},
	{"older than the rule", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.AskedNAT, f.Packet.DNAT, f.Packet.NewDst = tuple(public, sender), false, nil, at(public)
	}), "stale: The packet still goes to 203.0.113.1:8080: its flow is older than rule ip nat prerouting handle 4 " +
		`(iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80), and NAT rules see only the first packet of a flow. → ` +
		"sudo natlens delete 'id 7'"},
	{"older than a rule that changed", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.AskedNAT, f.Packet.DNAT = tuple("192.168.77.8:80", sender), false, nil
	}), "stale: The packet still goes to 192.168.77.8:80: its flow is older than rule ip nat prerouting handle 4 " +
		`(iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80), and NAT rules see only the first packet of a flow. → ` +
		"sudo natlens delete 'id 7'"},
	{"sent again", unanswered(func(f *Facts) { f.Packet.AskedNAT, f.Packet.DNAT, f.Neighbour = false, nil, "FAILED" }),
		"no-host: No host has the address 192.168.77.2 on lan: it is off, or the address in rule ip nat prerouting handle 4 " +
			`(iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80) is wrong. → sudo ip neigh show 192.168.77.2 dev lan`},
	{"another interface", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.DNAT, f.Packet.NewDst, f.Packet.In = tuple(public, sender), nil, at(public), "wan2"
	}), "not-matched: The packet is not forwarded: it came in on wan2, and rule ip nat prerouting handle 4 " +
		`(iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80) is only for wan. → sudo nft insert rule ip nat prerouting ` +
		`'iifname "wan2" tcp dport 8080 dnat to 192.168.77.2:80'`},
	{"queued", unanswered(func(f *Facts) {
		f.Flow, f.Packet.Queued = nil, &Rule{"inet fw forward", "forward", 3, "queue to 5"}
	}), "lost: The packet is given to a program by rule inet fw forward handle 3 (queue to 5), and does not come back. → " +
		"sudo cat /proc/net/netfilter/nfnetlink_queue"},
	{"never confirmed", unanswered(func(f *Facts) { f.Flow = nil }), "lost: No rule of nf_tables drops the packet, but its " +
		"flow does not get into the table. → sudo iptables-legacy-save"},
	{"made here", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.DNAT, f.Packet.NewDst, f.Packet.In = tuple(public, sender), nil, at(public), ""
		f.Packet.AskedNAT = false
	}), "not-matched: The packet is not forwarded: this host makes it, and rule ip nat prerouting handle 4 " +
		`(iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80) is only for packets that come in. → ` +
		"sudo nft list chain ip nat output"},
	{"not matched", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.DNAT, f.Packet.NewDst = tuple(public, sender), nil, at(public)
	}), "not-matched: The packet is not forwarded: it does not match rule ip nat prerouting handle 4 " +
		`(iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80). → sudo nft -a list chain ip nat prerouting`},
	{"no rule", unanswered(func(f *Facts) {
		f.Flow.Reply, f.Packet.DNAT, f.Packet.NewDst, f.Forwards = tuple(public, sender), nil, at(public), nil
	}), "no-forward: No rule forwards 203.0.113.1:8080 to another host, and this host does not answer. → " +
		"sudo nft add rule ip nat prerouting tcp dport 8080 dnat to TARGET"},
	{"answer dropped", unanswered(func(f *Facts) {
		f.Answers = []Packet{{Proto: monitor.TCP, Src: at(web), Dst: at(sender), Tracked: true, Routed: true, Dropped: &drop}}
	}), "answer-dropped: 192.168.77.2:80 answers, but the answer is dropped in FORWARD by rule inet fw forward handle 9 " +
		"(tcp dport 80 drop). → sudo nft insert rule inet fw forward handle 9 ct state established,related accept"},
	{"answer refused by rp_filter", unanswered(func(f *Facts) {
		f.Answers, f.Back = []Packet{{Src: at(web), Dst: at(sender), In: "lan", Tracked: true}}, Route{Filter: true}
	}), "rp-filter: The answer is dropped by rp_filter of lan: the route to its sender 192.168.77.2 uses another interface. " +
		"→ sudo sysctl -w net.ipv4.conf.lan.rp_filter=2"},
	{"no route back", unanswered(func(f *Facts) {
		f.Answers, f.Back = []Packet{{Src: at(web), Dst: at(sender), In: "lan", Tracked: true}}, Route{Missing: true}
	}), "no-route-back: 192.168.77.2:80 answers, but this host has no route to 198.51.100.7. → " +
		"sudo ip route replace 198.51.100.7 via ROUTER dev wan"},
	{"RST", unanswered(func(f *Facts) {
		f.Answers = []Packet{{Proto: monitor.TCP, Src: at(web), Dst: at(sender), RST: true, Tracked: true, Routed: true}}
	}), "refused: 192.168.77.2:80 answers with RST: nothing listens there. → on 192.168.77.2: ss -lntu"},
	{"port unreachable", unanswered(func(f *Facts) { f.Answers = icmp("192.168.77.2", "lan", 3<<8|3) }),
		"refused: 192.168.77.2:80 answers with ICMP port unreachable: nothing listens there. → on 192.168.77.2: ss -lntu"},
	{"a router reports", unanswered(func(f *Facts) { f.Answers = icmp("192.168.77.254", "lan", 3<<8|13) }),
		"unreachable: 192.168.77.254 reports that 192.168.77.2:80 is unreachable (ICMP type 3 code 13). → " +
			"on 192.168.77.254: ip route get 192.168.77.2"},
	{"this host reports", unanswered(func(f *Facts) { f.Answers = icmp("203.0.113.1", "", 3<<8|1) }), "no-host: No host has " +
		"the address 192.168.77.2 on lan: it is off, or the address in rule ip nat prerouting handle 4 " +
		`(iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80) is wrong. → sudo ip neigh show 192.168.77.2 dev lan`},
	{"the router is off", unanswered(func(f *Facts) { f.Neighbour, f.There.Via = "FAILED", netip.MustParseAddr("192.168.77.254") }),
		"no-host: No host has the address 192.168.77.254 on lan: it is off, or the address is wrong. → " +
			"sudo ip neigh show 192.168.77.254 dev lan"},
	{"SNAT gone", unanswered(func(f *Facts) { f.Flow.Reply = tuple(web, "192.168.77.50:40000") }), "snat-gone: NAT changes the " +
		"sender to 192.168.77.50, which is not an address of this host, so answers do not come here. → " +
		"sudo ip address add 192.168.77.50 dev lan"},
	{"the answer in no zone", unanswered(func(f *Facts) {
		f.Packet.Zone = &Rule{"ip raw PREROUTING", "prerouting", 3, `iifname "wan" ct zone set 5`}
		f.Strays = []Packet{{Proto: monitor.TCP, Src: at(web), Dst: at(sender), In: "lan", Tracked: true, Routed: true}}
	}), "zone: 192.168.77.2:80 answers, but in another conntrack zone, so the answer does not belong to the flow. The packet " +
		`is in zone 5, by rule ip raw PREROUTING handle 3 (iifname "wan" ct zone set 5); the answer is in the default zone. → ` +
		`sudo nft 'add rule ip raw PREROUTING iifname "lan" ct zone set 5'`},
	{"an answer that conntrack does not know", unanswered(func(f *Facts) {
		f.Strays = []Packet{{Proto: monitor.TCP, Src: at(web), Dst: at(sender), In: "lan", Tracked: true, Routed: true}}
	}), "answer-untracked: 192.168.77.2:80 answers, but conntrack does not find the flow, so NAT does not change the answer " +
		"back. → sudo natlens trace 'tcp src 192.168.77.2'"},
	{"hairpin", unanswered(func(f *Facts) {
		f.Packet.Src, f.Flow.Orig.Src, f.Flow.Reply = at("192.168.77.9:1"), tuple("192.168.77.9:1", web).Src, tuple(web, "192.168.77.9:1")
	}), "hairpin: 192.168.77.9 and 192.168.77.2 are both in 192.168.77.0/24, so the answer does not come through this host, " +
		"and the sender does not know it. → sudo nft add rule ip nat postrouting ip saddr 192.168.77.0/24 " +
		"ip daddr 192.168.77.2 masquerade"},
	{"the answer leaves elsewhere", healthy(func(f *Facts) {
		f.Flow.State, f.Answers[0].Out = monitor.TCPSynRecv, "wan2"
	}), "other-way: The answer goes another way: the packet came in on wan, and the answer leaves by wan2. → " +
		"sudo ip route replace 198.51.100.7 via ROUTER dev wan"},
	{"the sender does not go on", healthy(func(f *Facts) { f.Flow.State = monitor.TCPSynRecv }), "unfinished: 192.168.77.2:80 " +
		"answers, and the answer leaves by wan, but 198.51.100.7 does not go on. → on 198.51.100.7: " +
		"tcpdump -ni any 'src host 203.0.113.1'"},
	{"others are answered", unanswered(func(f *Facts) { f.Others = 2 }), "no-way-back: 192.168.77.2:80 answers others, but not " +
		"198.51.100.7: it has no route there or another one, or a firewall. → on 192.168.77.2: ip route get 198.51.100.7"},
	{"ICMP about the size", healthy(func(f *Facts) { f.Answers = append(f.Answers, icmp("198.51.100.1", "wan", 3<<8|4)...) }),
		"works: It works: 192.168.77.2:80 answers what is sent to 203.0.113.1:8080."},
	{"an answer of long ago", healthy(func(f *Facts) { f.Proto, f.Packet.Replied, f.Answers = monitor.UDP, true, nil }),
		"silent: The packet is delivered to 192.168.77.2:80, but no answer comes: nothing answers there, a firewall drops it, " +
			"or the answer does not come through this host. → on 192.168.77.2: ip route get 198.51.100.7"},
	{"silence", unanswered(func(*Facts) {}), "silent: The packet is delivered to 192.168.77.2:80, but no answer comes: nothing " +
		"answers there, a firewall drops it, or the answer does not come through this host. → " +
		"on 192.168.77.2: ip route get 198.51.100.7"},
}

func TestDecide(t *testing.T) {
	for _, c := range tests {
		v := Decide(c.facts)
		got := v.Name + ": " + v.Sentence
		if v.Remedy != "" {
			got += " → " + v.Remedy
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
}

// TestEvidence lists what was seen.
func TestEvidence(t *testing.T) {
	v := Decide(unanswered(func(f *Facts) { f.Answers, f.Others = icmp("192.168.77.254", "lan", 3<<8|1), 1 }))
	want := []string{
		"packet: tcp 198.51.100.7:40000 → 203.0.113.1:8080, in on wan, out by lan",
		"destination now 192.168.77.2:80, by " + dnat.String(),
		"flow 7: confirmed dst_nat, SYN_SENT",
		"route to 192.168.77.2: dev lan",
		"route back to 198.51.100.7: via 203.0.113.254 dev wan",
		"neighbour 192.168.77.2: REACHABLE",
		"answer: icmp 192.168.77.254 → 198.51.100.7 type 3 code 1, in on lan, out by wan",
		"192.168.77.2:80 answered 1 other flow",
		"forward: " + dnat.String(),
	}
	if diff := cmp.Diff(want, v.Evidence); diff != "" {
		t.Error(diff)
	}
}

// TestSettled checks when further waiting adds nothing.
func TestSettled(t *testing.T) {
	for _, c := range tests[2:] {
		v := Decide(c.facts)
		want := slices.Contains([]string{"dropped", "table-full", "conntrack-drop", "rp-filter", "not-forwarding", "no-route",
			"answer-dropped", "no-route-back", "refused", "unreachable"}, v.Name) || c.what == "this host reports" || c.what == "lost" || c.what == "ICMP about the size"
		if got := c.facts.Settled(); got != want {
			t.Errorf("%s: settled %v", c.what, got)
		}
	}
	if !healthy(func(*Facts) {}).Settled() {
		t.Error("a healthy one is not settled")
	}
}

// TestDocs checks that docs/why.md has each verdict, in the order of the checks.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/why.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed, tested []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| .* \\| .*\\|$").FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains([]string{"v", "verdict", "sentence", "remedy", "evidence"}, m[1]) {
			listed = append(listed, m[1])
		}
	}
	for _, c := range tests {
		if name := Decide(c.facts).Name; !slices.Contains(tested, name) {
			tested = append(tested, name)
		}
	}
	slices.Sort(listed)
	slices.Sort(tested)
	if diff := cmp.Diff(strings.Join(tested, "\n"), strings.Join(listed, "\n")); diff != "" {
		t.Error(diff)
	}
}

// TestNames finds the rules that forward a port.
func TestNames(t *testing.T) {
	for text, want := range map[string]bool{
		"tcp dport 8080 dnat to 192.168.77.2:80":                                             true,
		"ip protocol tcp tcp dport 8080 counter packets 3 bytes 180 dnat to 192.168.77.2:80": true,
		"meta l4proto tcp th dport 8080 redirect to :80":                                     true,
		"udp dport 8080 dnat to 192.168.77.2":                                                false,
		"tcp dport 80 dnat to 192.168.77.2:8080":                                             false,
		"tcp dport 8000-8100 dnat to 192.168.77.2":                                           true,
		"tcp dport 8081-8100 dnat to 192.168.77.2":                                           false,
		"tcp dport { 80, 8080 } dnat to 192.168.77.2":                                        true,
		"tcp dport { 80, 8000-8079 } dnat to 192.168.77.2":                                   false,
		"dnat ip to tcp dport map { 80 : 192.168.77.3 . 8080, 8080 : 192.168.77.2 . 80 }":    true,
		"dnat ip to tcp dport map { 80 : 192.168.77.3 . 8080 }":                              false,
		"ip daddr 203.0.113.1 dnat to 192.168.77.2":                                          true,
		"ip daddr 203.0.113.10 dnat to 192.168.77.2":                                         false,
		"tcp dport @web dnat to 192.168.77.2":                                                false,
		"tcp dport 8080 accept":                                                              false,
	} {
		r := Rule{Text: text}
		if got := r.Forwards() && r.Names(monitor.TCP, at(public)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// FuzzNames reads any text as a rule. A port number alone names its own port.
func FuzzNames(f *testing.F) {
	f.Add("tcp dport { 80, 8000-8100 } dnat to 192.168.77.2", uint16(8080))
	f.Add("dnat ip to tcp dport map { 80 : 192.168.77.3 . 8080 }", uint16(80))
	f.Add("tcp dport 99999999999999999999- dnat", uint16(0))
	f.Fuzz(func(t *testing.T, text string, port uint16) {
		r := Rule{Text: text}
		r.Names(monitor.TCP, netip.AddrPortFrom(at(public).Addr(), port))
		r = Rule{Text: "tcp dport " + strconv.Itoa(int(port)) + " " + text}
		if !r.Names(monitor.TCP, netip.AddrPortFrom(at(public).Addr(), port)) {
			t.Errorf("%q is not for port %d", r.Text, port)
		}
	})
}
