//go:build linux

package trace

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
)

var varying = regexp.MustCompile(`handle \d+|packets \d+ bytes \d+`)

// fixed replaces what varies in the text of a rule.
func fixed(text string) string {
	return varying.ReplaceAllStringFunc(text, func(s string) string { return strings.Fields(s)[0] + " N" })
}

// decisions formats decisions. With traced they are without the words for certainty.
func decisions(all []monitor.Decision, traced bool) (lines []string) {
	for _, d := range all {
		text := d.Text
		if traced {
			text = strings.TrimPrefix(strings.TrimPrefix(text, "exact "), "probable ")
		}
		lines = append(lines, d.Hook.String()+" "+fixed(text))
	}
	return lines
}

// sent sends a packet that begins a flow. Without a port it is an echo request.
func sent(ctx context.Context, l *lab.Lab, from *lab.Namespace, to string) error {
	proto, to, _ := strings.Cut(to, " ")
	addr, err := netip.ParseAddrPort(to)
	switch {
	case err != nil:
		return l.PingOnce(ctx, lab.Ping{From: from, To: netip.MustParseAddr(to), ID: 7, NoReply: true})
	case proto == "tcp":
		_, err = l.SYNOnce(ctx, lab.TCP{From: from, To: addr})
	default:
		_, err = l.UDPOnce(ctx, lab.UDP{From: from, To: addr, NoReply: true})
	}
	return err
}

// decisionsOf makes a flow, and returns the decisions of the rules as they are now, and of a trace
// of the flow's first packet.
func decisionsOf(t *testing.T, l *lab.Lab, from *lab.Namespace, to, later string) (now, traced []monitor.Decision) {
	t.Helper()
	s, err := kernel.OpenService(l.Gateway.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	locals, err := netns.Locals(l.Gateway.FD())
	if err != nil {
		t.Fatal(err)
	}
	proto, port, _ := strings.Cut(to, " ")
	if proto != "icmp" {
		proto += " dport " + port[strings.LastIndex(port, ":")+1:]
	}
	tr := open(t, l, proto, 1000)
	f := new(monitor.Flow)
	for _, p := range packetsOf(t, tr, 1, func(ctx context.Context) {
		if err := sent(ctx, l, from, to); err != nil {
			t.Error(err)
		}
	}) {
		traced = p.Decisions()
		if f = p.Find(t.Context(), s); f == nil {
			return nil, nil // the trace is in parts, because the processor was busy
		}
	}
	tr.Close()
	if later != "" {
		labtest.Rules(t, l, later)
	}
	rules, err := ReadRules(l.Gateway.FD())
	if err != nil {
		t.Fatal(err)
	}
	f.Path = locals.Path(f)
	w := monitor.NewWalk(f)
	return rules.Decisions(&w), traced
}

const (
	server    = "udp 203.0.113.9:"
	blackhole = "udp 203.0.113.66:"
)

// TestDecisions makes a flow for each kind of NAT rule among others that do not match, and
// expects its rule, as the trace of the flow's first packet reports it.
func TestDecisions(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	elements := make([]string, 1000)
	for i := range elements {
		elements[i] = fmt.Sprintf("%d : 203.0.113.9", 20000+i)
	}
	for _, c := range []decisionCase{
		{"masquerade", "", server + "53"},
		{"no NAT", "flush table ip nat", server + "53"},
		{"snat", "insert rule ip nat postrouting meta l4proto udp snat to 203.0.113.1:4000-4999\n" +
			"insert rule ip nat postrouting ip daddr 203.0.113.10 snat to 203.0.113.1", server + "53"},
		{"dnat", "add rule ip nat prerouting iifname other accept\n" +
			"add rule ip nat prerouting udp dport != { 53, 777 } dnat to 203.0.113.9:53\nadd rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53\n" +
			"add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53", server + "777"},
		{"rules that changed", "add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53\n# later\n" +
			"flush chain ip nat prerouting; add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:54\n" +
			"add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53", server + "777"},
		{"a rule that is gone", "add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53\n# later\n" +
			"flush chain ip nat prerouting", server + "777"},
		{"redirect", "insert rule ip nat prerouting udp dport 100-200 redirect to :9091\n" +
			"insert rule ip nat prerouting udp dport 100-149 redirect to :9090", server + "150"},
		{"map", "add map ip nat m { type inet_service : ipv4_addr; elements = { " + strings.Join(elements, ", ") +
			" }; }\ninsert rule ip nat prerouting dnat to udp dport map @m", blackhole + "20777"},
		{"map of ranges", "insert rule ip nat prerouting dnat to udp dport map { 1-99 : 203.0.113.8, 100-199 : " +
			"203.0.113.9 }", blackhole + "150"},
		{"map of addresses and ports", "insert rule ip nat prerouting dnat ip to ip daddr . udp dport map " +
			"{ 203.0.113.66 . 150 : 203.0.113.9 . 53 }", blackhole + "150"},
		{"map of networks and ranges", "insert rule ip nat prerouting dnat ip to ip daddr . udp dport map " +
			"{ 203.0.113.0/24 . 100-199 : 203.0.113.9 . 53 }", blackhole + "150"},
		{"one of several servers", "insert rule ip nat prerouting udp dport 150 dnat to numgen inc mod 2 map " +
			"{ 0 : 203.0.113.8, 1 : 203.0.113.9 }\ninsert rule ip nat prerouting udp dport 150 limit rate over 1/second " +
			"burst 5 packets dnat to numgen inc mod 2 map { 0 : 203.0.113.6, 1 : 203.0.113.7 }", blackhole + "150"},
		{"jumps", "table ip nat { chain a { udp dport 53 jump b; udp dport 54 drop; }; chain b { jump c; }; chain c { " +
			"udp dport vmap { 1-52 : drop, 53-60 : goto d }; }; chain d { ip saddr { 10.0.0.0/8, 192.168.0.0/16 } " +
			"dnat to 203.0.113.9; }; }\ninsert rule ip nat prerouting jump a", blackhole + "53"},
		{"behind an accept", "add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53 comment \"never\"\n" +
			"insert rule ip nat prerouting ip daddr . udp dport { 203.0.113.9 . 777 } accept\n" +
			"table inet late { chain pre { type nat hook prerouting priority -90; udp dport 777 dnat ip to 203.0.113.9:53; }; }",
			server + "777"},
		{"iptables-legacy", "iptables-legacy -t nat -A POSTROUTING -o wan -j MASQUERADE && nft flush chain ip nat postrouting",
			server + "53"},
		{"iptables-nft", "iptables-nft -t nat -A PREROUTING -i other -p udp --dport 777 -j DNAT --to 203.0.113.8:53;" +
			"iptables-nft -t nat -A PREROUTING -p udp --dport 777 -d 203.0.113.10 -j DNAT --to 203.0.113.9:53;" +
			"iptables-nft -t nat -A PREROUTING -p udp --dport 777 -m comment --comment web -j DNAT --to 203.0.113.9:53;" +
			"nft flush chain ip nat postrouting; iptables-nft -t nat -A POSTROUTING -o wan -j MASQUERADE", server + "777"},
	} {
		t.Run(c.name, c.test)
	}
}

// decisionCase is rules and a packet. The decisions must be those of its trace, unless the rules
// change afterwards or are not traced.
type decisionCase struct {
	name  string
	rules string // before the flow and, behind "# later", after it
	to    string // protocol, and where the client sends the packet
}

func (c *decisionCase) test(t *testing.T) {
	t.Parallel()
	l := labtest.NewWith(t, lab.Config{})
	before, later, changed := strings.Cut(c.rules, "# later\n")
	labtest.Rules(t, l, before)
	from := l.Client
	if to, here := strings.CutPrefix(c.to, "from here: "); here {
		from, c.to = l.Gateway, to
	}
	if strings.Contains(c.to, "[") && !l.IPv6 {
		labtest.Lack(t, "IPv6")
	}
	var now, traced []monitor.Decision
	for try := range 5 { // a busy processor can split a trace
		now, traced = decisionsOf(t, l, from, c.to, later)
		same := slices.Equal(decisions(traced, true), decisions(now, true)) || changed || c.name == "iptables-legacy"
		if now != nil && same {
			break
		} else if try == 4 {
			t.Errorf("not as traced: %s", cmp.Diff(decisions(traced, true), decisions(now, true)))
		}
	}
	golden.Words(t, "", strings.Join(decisions(now, false), "\n"))
}

// TestFilterDecisions makes a flow for each kind of rule that accepts or changes packets.
func TestFilterDecisions(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	const fw = "flush table ip nat\nadd chain ip filter forward { policy accept; }\ntable inet fw { %s\n}"
	for _, c := range []decisionCase{
		{"a firewall", fmt.Sprintf(fw, `
			set blocked { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 172.16.0.0/12 }; }
			set open { type inet_service; elements = { 53, 123 }; }
			chain forward { type filter hook forward priority 0; policy drop; ct state vmap { established : accept, related : accept, invalid : drop }
				ip saddr @blocked drop; limit rate over 1000/second drop; udp dport 54 accept; ip protocol udp goto udpin; accept; }
			chain udpin { udp dport 1-50 return; udp dport @open jump open; }
			chain open { ip daddr 203.0.113.0/24 accept comment "open"
}`), server + "123"},
		{"by interface", fmt.Sprintf(fw, `set inside { type ifname; elements = { "lan", "lan2" }; }
			chain forward { type filter hook forward priority 0; policy drop; iifname "wan" accept; iifname @inside oif "wan" accept
}`),
			server + "53"},
		{"by mark", fmt.Sprintf(fw, `chain pre { type filter hook prerouting priority mangle; udp dport 53 meta mark set 0x7; }
			chain mid { type filter hook prerouting priority 0; meta mark 7 ct mark set meta mark; }
			chain forward { type filter hook forward priority 0; policy drop; ct mark & 0x0f == 0x6 accept; ct mark 0x7 accept
}`),
			server + "53"},
		{"an unknown mark", fmt.Sprintf(fw, `chain forward { type filter hook forward priority 0; policy drop;
			meta mark 5 drop; meta hour 1-2 drop; ct mark 10 accept; accept
}`), server + "53"},
		{"policies", fmt.Sprintf(fw, `chain empty { type filter hook forward priority -5; };
			chain forward { type filter hook forward priority 0; udp dport 54 drop
}`), server + "53"},
		{"dnat status", `insert rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53
			flush chain ip filter forward
			add rule ip filter forward ct status snat accept
			add rule ip filter forward ct status dnat meta l4proto udp ct original proto-dst 777 ct zone 0 ct direction original accept`, blackhole + "777"},
		{"to this host", fmt.Sprintf(fw, `chain pre { type filter hook prerouting priority -300; ct state invalid fib daddr type local accept; }
			chain in { type filter hook input priority 0; policy drop; iifname lo accept; udp dport { 53, 500 } ct state new accept
}`),
			"udp 192.168.77.1:500"},
		{"from this host", `table inet fw { chain out { type filter hook output priority 0; policy drop; oifname lo accept
			iif 0 udp dport 53 accept; }; chain late { type filter hook postrouting priority 200; iif 0 accept; }; }`,
			"from here: " + server + "53"},
		{"stateless rewrite", "insert rule ip filter raw_prerouting udp dport 777 udp dport set 53\n" +
			"insert rule ip filter raw_prerouting udp dport 778 udp dport set 54", server + "777"},
		{"tcp flags", fmt.Sprintf(fw, `chain forward { type filter hook forward priority 0; policy drop;
			tcp flags syn tcp option maxseg size set rt mtu
			tcp flags & (fin|syn|rst|ack) != syn ct state new drop; tcp dport 80 accept
}`), "tcp 203.0.113.66:80"},
		{"icmp", fmt.Sprintf(fw, `chain forward { type filter hook forward priority 0; policy drop;
			icmp type { echo-reply, echo-request } icmp id 7 accept
}`), "icmp 203.0.113.9"},
		{"ipv6", "table inet fw { chain forward { type filter hook forward priority 5; policy drop\n" +
			"ip daddr 203.0.113.9 accept; ip6 daddr 2001:db8:cb::/48 udp dport 53 accept; }; }", "udp [2001:db8:cb::9]:53"},
		{"conditions of iptables", "iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT;" +
			"iptables-nft -A FORWARD -m addrtype --dst-type LOCAL -j ACCEPT; iptables-nft -A FORWARD -p icmp --icmp-type 8 -j ACCEPT;" +
			"iptables-nft -A FORWARD -p udp -m multiport ! --dports 53,100:200 -j ACCEPT;" +
			"iptables-nft -A FORWARD -p udp -m multiport --dports 1:9,53 -m conntrack --ctstate NEW,INVALID -j ACCEPT;" +
			"iptables-nft -t raw -A PREROUTING -p tcp -j NOTRACK; iptables-nft -t raw -A PREROUTING -j CT --zone 0;" +
			"iptables-nft -t mangle -A FORWARD -p udp -j MARK --set-mark 7", server + "53"},
		{"a rule that is newer", "# later\ninsert rule ip filter forward udp dport 53 drop", server + "53"},
		{"a policy that is newer", "flush chain ip nat postrouting\n# later\ntable inet fw { chain forward { type filter hook forward priority 5; policy drop; udp dport 54 accept; }; }",
			server + "53"},
		{"another interface than that of the route", "# later\nflush chain ip filter forward; flush table ip nat\n" +
			"add rule ip filter forward iifname wan accept\nadd rule ip filter forward drop", server + "53"},
	} {
		t.Run(c.name, c.test)
	}
}

// TestHookName names the hooks of families that count them from other beginnings.
func TestHookName(t *testing.T) {
	for _, test := range []struct {
		family string
		hook   uint32
		want   string
	}{
		{"inet", 0, "prerouting"}, {"ip", 4, "postrouting"}, {"inet", 5, "ingress"}, {"bridge", 3, "output"},
		{"netdev", 0, "ingress"}, {"netdev", 1, "egress"}, {"arp", 0, "input"}, {"arp", 1, "output"},
		{"ip", 9, "hook 9"},
	} {
		if got := hookName(test.family, test.hook); got != test.want {
			t.Errorf("%s %d: %q, want %q", test.family, test.hook, got, test.want)
		}
	}
}
