//go:build linux

package why

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// side connects the clients by a cable of their own, over which client2 sends to client.
func side(t *testing.T, l *lab.Lab) {
	t.Helper()
	h, err := netlink.NewHandleAt(netns.NsHandle(l.Client.FD()), unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	pair := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "side"}, PeerName: "side", PeerNamespace: netlink.NsFd(l.Client2.FD()),
	}
	if err := h.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	labtest.In(t, l.Client, "ip link set side up")
	labtest.In(t, l.Client2, "ip link set side up")
	labtest.In(t, l.Client2, "ip route add 192.168.77.2/32 dev side")
}

// TestBroken breaks port forwards, and checks the verdict and that the remedy helps.
func TestBroken(t *testing.T) {
	t.Parallel()
	labtest.Need(t, "nft")
	labtest.Need(t, "ip")
	server := func(port uint16) func(*lab.Lab) func(context.Context) {
		return func(l *lab.Lab) func(context.Context) {
			return dial(l.Server, netip.AddrPortFrom(lab.GatewayWAN, port))
		}
	}
	udp := func(l *lab.Lab) func(context.Context) {
		return func(ctx context.Context) {
			to := netip.AddrPortFrom(lab.GatewayWAN, 5353)
			_, _ = l.UDPOnce(ctx, lab.UDP{From: l.Server, Local: netip.AddrPortFrom(netip.Addr{}, 4000), To: to, NoReply: true})
		}
	}
	foreign := func(l *lab.Lab) func(context.Context) {
		return func(ctx context.Context) {
			from := netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), 0)
			if conn, err := l.Server.DialTCP(ctx, from, lab.PublishedHTTP); err == nil {
				conn.Close()
			}
		}
	}
	nft := func(rule string) func(*testing.T, *lab.Lab) {
		return func(t *testing.T, l *lab.Lab) { labtest.In(t, l.Gateway, "nft "+rule) }
	}
	for _, c := range []struct {
		name string
		set  func(*testing.T, *lab.Lab) // breaks it
		act  func(*lab.Lab) func(context.Context)
		args []string
		want outcome
		then string // the verdict after the remedy; "": the remedy can't be run
	}{
		{"server dead", nft("insert rule ip nat prerouting tcp dport 8088 dnat to 192.168.77.2:81"), server(8088),
			[]string{"203.0.113.1:8088"}, outcome{"refused",
				"192.168.77.2:81 answers with RST: nothing listens there.", "on 192.168.77.2: ss -lntu", []string{
					"answer: tcp 192.168.77.2:81 → 203.0.113.9:N RST, in on lan, out by wan"}}, ""},
		{"server dead, UDP", nft("insert rule ip nat prerouting udp dport 5353 dnat to 192.168.77.2:53"), udp,
			[]string{"-p", "udp", "203.0.113.1:5353"}, outcome{"refused",
				"192.168.77.2:53 answers with ICMP port unreachable: nothing listens there.", "on 192.168.77.2: ss -lntu",
				[]string{"answer: icmp 192.168.77.2 → 203.0.113.9 type 3 code 3, in on lan, out by wan"}}, ""},
		{"a policy drops", nft("add table inet fw '{ chain forward { type filter hook forward priority 5; policy drop; }; }'"),
			server(8080), []string{published}, outcome{"dropped",
				"The packet is dropped in FORWARD by the policy of inet fw forward.",
				"nsenter --net=NETNS nft add rule inet fw forward ip daddr 192.168.77.2 tcp dport 80 accept", nil}, "answer-dropped"},
		{"wrong address", nft("insert rule ip nat prerouting tcp dport 8088 dnat to 192.168.77.99:80"), server(8088),
			[]string{"203.0.113.1:8088"}, outcome{"no-host", "No host has the address 192.168.77.99 on lan: it is off, or " +
				"the address in rule ip nat prerouting handle 9 (tcp dport 8088 dnat to 192.168.77.99:80) is wrong.",
				"nsenter --net=NETNS ip neigh show 192.168.77.99 dev lan", nil}, ""},
		{"a rule of iptables-nft drops", func(t *testing.T, l *lab.Lab) {
			labtest.In(t, l.Gateway, "iptables-nft -t mangle -A FORWARD -p tcp --dport 80 -j DROP")
		}, server(8080), []string{published}, outcome{"dropped", "The packet is dropped in FORWARD by rule ip mangle " +
			"FORWARD handle 2 (tcp dport 80 counter packets 0 bytes 0 drop).", "nsenter --net=NETNS nft insert rule ip mangle FORWARD " +
			"handle 2 ip daddr 192.168.77.2 tcp dport 80 accept", nil}, "works"},
		{"wrong address, in a chain that is jumped to", func(t *testing.T, l *lab.Lab) {
			labtest.In(t, l.Gateway, "nft add chain ip nat DOCKER")
			labtest.In(t, l.Gateway, "nft add rule ip nat prerouting fib daddr type local jump DOCKER")
			labtest.In(t, l.Gateway, `nft add rule ip nat DOCKER iifname != docker0 tcp dport { 8088, 8089 } dnat to 192.168.77.99:80`)
		}, server(8088), []string{"203.0.113.1:8088"}, outcome{"no-host", "No host has the address 192.168.77.99 on lan: it is " +
			`off, or the address in rule ip nat DOCKER handle 12 (iifname != "docker0" tcp dport { 8088, 8089 } dnat to ` +
			"192.168.77.99:80) is wrong.", "nsenter --net=NETNS ip neigh show 192.168.77.99 dev lan", nil}, ""},
		{"missing route back", func(t *testing.T, l *lab.Lab) { labtest.In(t, l.Client, "ip route del default") }, server(8080),
			[]string{published}, outcome{"silent", "The packet is delivered to 192.168.77.2:80, but no answer comes: nothing " +
				"answers there, a firewall drops it, or the answer does not come through this host.",
				"on 192.168.77.2: ip route get 203.0.113.9", []string{"neighbour 192.168.77.2: REACHABLE"}}, ""},
		{"missing route back, others are answered", func(t *testing.T, l *lab.Lab) {
			labtest.In(t, l.Client, "ip route del default")
			if _, err := l.TCPOnce(t.Context(), lab.TCP{From: l.Client2, To: lab.ClientHTTP}); err != nil {
				t.Fatal(err)
			}
		}, server(8080), []string{published}, outcome{"no-way-back", "192.168.77.2:80 answers others, but not 203.0.113.9: " +
			"it has no route there or another one, or a firewall.", "on 192.168.77.2: ip route get 203.0.113.9",
			[]string{"192.168.77.2:80 answered 1 other flow"}}, ""},
		{"hairpin without SNAT", func(t *testing.T, l *lab.Lab) {
			side(t, l)
			labtest.In(t, l.Gateway, "nft insert rule ip nat prerouting ip daddr 203.0.113.1 tcp dport 8088 dnat to 192.168.77.3:80")
			if err := l.ServeTCP(l.Client2, netip.AddrPortFrom(lab.Client2IP, 80)); err != nil {
				t.Fatal(err)
			}
		}, func(l *lab.Lab) func(context.Context) {
			return dial(l.Client, netip.AddrPortFrom(lab.GatewayWAN, 8088))
		}, []string{"203.0.113.1:8088"}, outcome{"hairpin", "192.168.77.2 and 192.168.77.3 are both in 192.168.77.0/24, so " +
			"the answer does not come through this host, and the sender does not know it.",
			"nsenter --net=NETNS nft add rule ip nat postrouting ip saddr 192.168.77.0/24 ip daddr 192.168.77.3 masquerade", nil}, "works"},
		{"stale UDP entry", func(t *testing.T, l *lab.Lab) {
			udp(l)(t.Context())
			labtest.In(t, l.Gateway, "nft insert rule ip nat prerouting udp dport 5353 dnat to 192.168.77.2:53")
		}, udp, []string{"-p", "udp", "203.0.113.1:5353"}, outcome{"stale", "The packet still goes to 203.0.113.1:5353: its " +
			"flow is older than rule ip nat prerouting handle 9 (udp dport 5353 dnat to 192.168.77.2:53), and NAT rules see only " +
			"the first packet of a flow.", "natlens delete --netns NETNS 'id N'", nil}, ""},
		{"wrong interface", func(*testing.T, *lab.Lab) {}, func(l *lab.Lab) func(context.Context) {
			return dial(l.Client, lab.PublishedHTTP)
		}, []string{published}, outcome{"not-matched", "The packet is not forwarded: it came in on lan, and " + forward +
			" is only for wan.", `nsenter --net=NETNS nft insert rule ip nat prerouting ` +
			`'iifname "lan" tcp dport 8080 dnat to 192.168.77.2:80'`, nil}, ""},
		{"this host sends", func(*testing.T, *lab.Lab) {}, func(l *lab.Lab) func(context.Context) {
			return dial(l.Gateway, lab.PublishedHTTP)
		}, []string{published}, outcome{"not-matched", "The packet is not forwarded: this host makes it, and " + forward +
			" is only for packets that come in.", "nsenter --net=NETNS nft list chain ip nat output", nil}, ""},
		{"rp_filter", func(t *testing.T, l *lab.Lab) {
			if _, err := l.TCPOnce(t.Context(), lab.TCP{From: l.Server, To: lab.PublishedHTTP}); err != nil {
				t.Fatal(err) // then the server knows the gateway's hardware address: rp_filter is for ARP too
			}
			labtest.In(t, l.Server, "ip address add 198.51.100.7/32 dev lo")
			labtest.In(t, l.Gateway, "ip route add 198.51.100.0/24 dev lan")
			if err := l.Gateway.WriteSysctl("net.ipv4.conf.wan.rp_filter", "1"); err != nil {
				t.Fatal(err)
			}
		}, foreign, []string{published, "from", "198.51.100.7"}, outcome{"rp-filter", "The packet is dropped by rp_filter of wan: the " +
			"route to its sender 198.51.100.7 uses another interface.",
			"nsenter --net=NETNS sysctl -w net.ipv4.conf.wan.rp_filter=2", []string{
				"packet: tcp 198.51.100.7:N → 203.0.113.1:8080, in on wan, lost in routing", "counter IPReversePathFilter: +N"}}, "other-way"},
		{"ct zone mismatch", nft(`insert rule ip filter raw_prerouting iifname \"wan\" ct zone set 5`), server(8080),
			[]string{published}, outcome{"zone", "192.168.77.2:80 answers, but in another conntrack zone, so the answer does " +
				`not belong to the flow. The packet is in zone 5, by rule ip filter raw_prerouting handle 5 (iifname "wan" ct zone set 5); ` +
				"the answer is in the default zone.", `nsenter --net=NETNS nft 'add rule ip filter raw_prerouting iifname "lan" ` +
				`ct zone set 5'`, nil}, "works"},
		{"answer dropped", nft("insert rule ip filter forward tcp sport 80 drop"), server(8080), []string{published},
			outcome{"answer-dropped", "192.168.77.2:80 answers, but the answer is dropped in FORWARD by rule ip filter " +
				"forward handle 5 (tcp sport 80 drop).", "nsenter --net=NETNS nft insert rule ip filter forward handle 5 " +
				"ct state established,related accept", nil}, "works"},
		{"no route back here", func(t *testing.T, l *lab.Lab) {
			if _, err := l.TCPOnce(t.Context(), lab.TCP{From: l.Server, To: lab.PublishedHTTP}); err != nil {
				t.Fatal(err) // the hardware addresses are known
			}
			labtest.In(t, l.Server, "ip address add 198.51.100.7/32 dev lo")
		}, foreign, []string{published}, outcome{"no-route-back", "192.168.77.2:80 answers, but this host has no route to " +
			"198.51.100.7.", "nsenter --net=NETNS ip route replace 198.51.100.7 via ROUTER dev wan",
			[]string{"route back to 198.51.100.7: none"}}, ""},
		{"the answer goes another way", func(t *testing.T, l *lab.Lab) {
			if _, err := l.TCPOnce(t.Context(), lab.TCP{From: l.Server, To: lab.PublishedHTTP}); err != nil {
				t.Fatal(err)
			}
			labtest.In(t, l.Server, "ip address add 198.51.100.7/32 dev lo")
			labtest.In(t, l.Gateway, "ip route add 198.51.100.0/24 via 192.168.77.3")
		}, foreign, []string{published}, outcome{"other-way", "The answer goes another way: the packet came in on wan, and " +
			"the answer leaves by lan2.", "nsenter --net=NETNS ip route replace 198.51.100.7 via ROUTER dev wan", nil}, ""},
		{"SNAT to an address that is gone", nft("insert rule ip nat postrouting oifname lan snat to 192.168.77.50"),
			server(8080), []string{published}, outcome{"snat-gone", "NAT changes the sender to 192.168.77.50, which is not an " +
				"address of this host, so answers do not come here.", "nsenter --net=NETNS ip address add 192.168.77.50 dev lan",
				nil}, "works"},
		{"forwarding off", func(t *testing.T, l *lab.Lab) {
			if err := l.Gateway.WriteSysctl("net.ipv4.ip_forward", "0"); err != nil {
				t.Fatal(err)
			}
		}, server(8080), []string{published}, outcome{"not-forwarding", "This host does not forward packets between " +
			"interfaces.", "nsenter --net=NETNS sysctl -w net.ipv4.ip_forward=1", nil}, "works"},
		{"no route", nft("insert rule ip nat prerouting tcp dport 8088 dnat to 198.51.100.9:80"), server(8088),
			[]string{"203.0.113.1:8088"}, outcome{"no-route", "This host has no route to 198.51.100.9.",
				"nsenter --net=NETNS ip route add 198.51.100.9 via ROUTER", nil}, ""},
		{"not tracked", nft("insert rule ip filter raw_prerouting tcp dport 8080 notrack"), server(8080), []string{published},
			outcome{"untracked", "The packet is not tracked because of rule ip filter raw_prerouting handle 5 (tcp dport 8080 " +
				"notrack), so NAT never sees it.", "nsenter --net=NETNS nft delete rule ip filter raw_prerouting handle 5", nil}, "works"},
		{"no rule", func(*testing.T, *lab.Lab) {}, server(99), []string{"203.0.113.1:99"}, outcome{"no-forward",
			"No rule forwards 203.0.113.1:99 to another host, and this host does not answer.",
			"nsenter --net=NETNS nft add rule ip nat prerouting tcp dport 99 dnat to TARGET",
			[]string{"packet: tcp 203.0.113.9:N → 203.0.113.1:99, in on wan, delivered here"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.NewWith(t, lab.Config{})
			c.set(t, l)
			remedy := expect(t, l, c.want, c.act(l), c.args...)
			if c.then == "" || t.Failed() {
				return
			}
			labtest.Shell(t, l, remedy)
			text, err := ask(t, l, c.act(l), append(c.args, "-o", "json")...)
			if !strings.Contains(text, fmt.Sprintf(`"verdict":%q`, c.then)) {
				t.Errorf("after %s: %v: %s", remedy, err, text)
			}
		})
	}
}
