//go:build linux

package trace

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
)

var handles = regexp.MustCompile(`handle \d+`)

// walkOf returns the walk of the flow that a packet began.
func walkOf(t *testing.T, l *lab.Lab, src, dst netip.AddrPort) monitor.Walk {
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
	h := Headers{Proto: monitor.UDP, Src: src, Dst: dst}
	var b monitor.Batch
	labtest.WaitFor(t, "the flow", func() bool {
		return s.Get(t.Context(), &monitor.Flow{Orig: h.Tuple()}, &b) == nil
	})
	f := &b.Events[0].Flow
	f.Path = locals.Path(f)
	return monitor.NewWalk(f)
}

// TestProbable makes a flow for each kind of NAT rule among others that do not match, and
// expects its rule.
func TestProbable(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	elements := make([]string, 1000)
	for i := range elements {
		elements[i] = fmt.Sprintf("%d : 203.0.113.9", 20000+i)
	}
	server := lab.ServerIP.String()
	for _, c := range []struct {
		name  string
		rules string // before the flow and, behind "# later", after it
		to    string
	}{
		{"masquerade", "", server + ":53"},
		{"no NAT", "flush table ip nat", server + ":53"},
		{"snat", "insert rule ip nat postrouting meta l4proto udp snat to 203.0.113.1:4000-4999\n" +
			"insert rule ip nat postrouting ip daddr 203.0.113.10 snat to 203.0.113.1", server + ":53"},
		{"dnat", "add rule ip nat prerouting iifname other accept\n" +
			"add rule ip nat prerouting udp dport != { 53, 777 } dnat to 203.0.113.9:53\nadd rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53\n" +
			"add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53", server + ":777"},
		{"rules that changed", "add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53\n# later\n" +
			"flush chain ip nat prerouting; add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:54\n" +
			"add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53", server + ":777"},
		{"a rule that is gone", "add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53\n# later\n" +
			"flush chain ip nat prerouting", server + ":777"},
		{"redirect", "insert rule ip nat prerouting udp dport 100-200 redirect to :9091\n" +
			"insert rule ip nat prerouting udp dport 100-149 redirect to :9090", server + ":150"},
		{"map", "add map ip nat m { type inet_service : ipv4_addr; elements = { " + strings.Join(elements, ", ") +
			" }; }\ninsert rule ip nat prerouting dnat to udp dport map @m", "203.0.113.66:20777"},
		{"map of ranges", "insert rule ip nat prerouting dnat to udp dport map { 1-99 : 203.0.113.8, 100-199 : " +
			"203.0.113.9 }", "203.0.113.66:150"},
		{"map of addresses and ports", "insert rule ip nat prerouting dnat ip to ip daddr . udp dport map " +
			"{ 203.0.113.66 . 150 : 203.0.113.9 . 53 }", "203.0.113.66:150"},
		{"map of networks and ranges", "insert rule ip nat prerouting dnat ip to ip daddr . udp dport map " +
			"{ 203.0.113.0/24 . 100-199 : 203.0.113.9 . 53 }", "203.0.113.66:150"},
		{"one of several servers", "insert rule ip nat prerouting udp dport 150 dnat to numgen inc mod 2 map " +
			"{ 0 : 203.0.113.8, 1 : 203.0.113.9 }\ninsert rule ip nat prerouting udp dport 150 limit rate over 1/second " +
			"burst 5 packets dnat to numgen inc mod 2 map { 0 : 203.0.113.6, 1 : 203.0.113.7 }", "203.0.113.66:150"},
		{"jumps", "table ip nat { chain a { udp dport 53 jump b; udp dport 54 drop; }; chain b { jump c; }; chain c { " +
			"udp dport vmap { 1-52 : drop, 53-60 : goto d }; }; chain d { ip saddr { 10.0.0.0/8, 192.168.0.0/16 } " +
			"dnat to 203.0.113.9; }; }\ninsert rule ip nat prerouting jump a", "203.0.113.66:53"},
		{"behind an accept", "add rule ip nat prerouting udp dport 777 dnat to 203.0.113.9:53 comment \"never\"\n" +
			"insert rule ip nat prerouting ip daddr . udp dport { 203.0.113.9 . 777 } accept\n" +
			"table inet late { chain pre { type nat hook prerouting priority -90; udp dport 777 dnat ip to 203.0.113.9:53; }; }",
			server + ":777"},
		{"iptables-legacy", "iptables-legacy -t nat -A POSTROUTING -o wan -j MASQUERADE && nft flush chain ip nat postrouting",
			server + ":53"},
		{"iptables-nft", "iptables-nft -t nat -A PREROUTING -i other -p udp --dport 777 -j DNAT --to 203.0.113.8:53;" +
			"iptables-nft -t nat -A PREROUTING -p udp --dport 777 -d 203.0.113.10 -j DNAT --to 203.0.113.9:53;" +
			"iptables-nft -t nat -A PREROUTING -p udp --dport 777 -m comment --comment web -j DNAT --to 203.0.113.9:53;" +
			"nft flush chain ip nat postrouting; iptables-nft -t nat -A POSTROUTING -o wan -j MASQUERADE", server + ":777"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.NewWith(t, lab.Config{})
			before, later, _ := strings.Cut(c.rules, "# later\n")
			labtest.Rules(t, l, before)
			to := netip.MustParseAddrPort(c.to)
			src, err := l.UDPOnce(t.Context(), lab.UDP{To: to, NoReply: true})
			if err != nil {
				t.Fatal(err)
			}
			w := walkOf(t, l, src, to)
			if later != "" {
				labtest.Rules(t, l, later)
			}
			rules, err := ReadRules(l.Gateway.FD())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range rules.Probable(&w) {
				if !d.Probable || d.Drop {
					t.Errorf("%+v", d)
				}
				got = append(got, d.Hook.String()+" "+handles.ReplaceAllString(d.Text, "handle N"))
			}
			golden.Words(t, "", strings.Join(got, "\n"))
		})
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
