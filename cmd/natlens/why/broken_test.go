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
		name     string
		set      func(*testing.T, *lab.Lab) // breaks it
		act      func(*lab.Lab) func(context.Context)
		args     []string
		want     string   // the verdict
		evidence []string // first words of lines that are compared
		then     string   // the verdict after the remedy; "": the remedy can't be run
	}{
		{"server dead", nft("insert rule ip nat prerouting tcp dport 8088 dnat to 192.168.77.2:81"), server(8088),
			[]string{"203.0.113.1:8088"}, "refused", []string{"answer"}, ""},
		{"server dead, UDP", nft("insert rule ip nat prerouting udp dport 5353 dnat to 192.168.77.2:53"), udp,
			[]string{"-p", "udp", "203.0.113.1:5353"}, "refused", []string{"answer"}, ""},
		{"a policy drops", nft("add table inet fw '{ chain forward { type filter hook forward priority 5; policy drop; }; }'"),
			server(8080), []string{published}, "dropped", nil, "answer-dropped"},
		{"wrong address", nft("insert rule ip nat prerouting tcp dport 8088 dnat to 192.168.77.99:80"), server(8088),
			[]string{"203.0.113.1:8088"}, "no-host", nil, ""},
		{"a rule of iptables-nft drops", func(t *testing.T, l *lab.Lab) {
			labtest.In(t, l.Gateway, "iptables-nft -t mangle -A FORWARD -p tcp --dport 80 -j DROP")
		}, server(8080), []string{published}, "dropped", nil, "works"},
		{"wrong address, in a chain that is jumped to", func(t *testing.T, l *lab.Lab) {
			labtest.In(t, l.Gateway, "nft add chain ip nat DOCKER")
			labtest.In(t, l.Gateway, "nft add rule ip nat prerouting fib daddr type local jump DOCKER")
			labtest.In(t, l.Gateway, `nft add rule ip nat DOCKER iifname != docker0 tcp dport { 8088, 8089 } dnat to 192.168.77.99:80`)
		}, server(8088), []string{"203.0.113.1:8088"}, "no-host", nil, ""},
		{"missing route back", func(t *testing.T, l *lab.Lab) { labtest.In(t, l.Client, "ip route del default") }, server(8080),
			[]string{published}, "silent", []string{"neighbour"}, ""},
		{"missing route back, others are answered", func(t *testing.T, l *lab.Lab) {
			labtest.In(t, l.Client, "ip route del default")
			if _, err := l.TCPOnce(t.Context(), lab.TCP{From: l.Client2, To: lab.ClientHTTP}); err != nil {
				t.Fatal(err)
			}
		}, server(8080), []string{published}, "no-way-back", []string{"192.168.77.2"}, ""},
		{"hairpin without SNAT", func(t *testing.T, l *lab.Lab) {
			side(t, l)
			labtest.In(t, l.Gateway, "nft insert rule ip nat prerouting ip daddr 203.0.113.1 tcp dport 8088 dnat to 192.168.77.3:80")
			if err := l.ServeTCP(l.Client2, netip.AddrPortFrom(lab.Client2IP, 80)); err != nil {
				t.Fatal(err)
			}
		}, func(l *lab.Lab) func(context.Context) {
			return dial(l.Client, netip.AddrPortFrom(lab.GatewayWAN, 8088))
		}, []string{"203.0.113.1:8088"}, "hairpin", nil, "works"},
		{"stale UDP entry", func(t *testing.T, l *lab.Lab) {
			udp(l)(t.Context())
			labtest.In(t, l.Gateway, "nft insert rule ip nat prerouting udp dport 5353 dnat to 192.168.77.2:53")
		}, udp, []string{"-p", "udp", "203.0.113.1:5353"}, "stale", nil, ""},
		{"wrong interface", func(*testing.T, *lab.Lab) {}, func(l *lab.Lab) func(context.Context) {
			return dial(l.Client, lab.PublishedHTTP)
		}, []string{published}, "not-matched", nil, ""},
		{"this host sends", func(*testing.T, *lab.Lab) {}, func(l *lab.Lab) func(context.Context) {
			return dial(l.Gateway, lab.PublishedHTTP)
		}, []string{published}, "not-matched", nil, ""},
		{"rp_filter", func(t *testing.T, l *lab.Lab) {
			if _, err := l.TCPOnce(t.Context(), lab.TCP{From: l.Server, To: lab.PublishedHTTP}); err != nil {
				t.Fatal(err) // then the server knows the gateway's hardware address: rp_filter is for ARP too
			}
			labtest.In(t, l.Server, "ip address add 198.51.100.7/32 dev lo")
			labtest.In(t, l.Gateway, "ip route add 198.51.100.0/24 dev lan")
			if err := l.Gateway.WriteSysctl("net.ipv4.conf.wan.rp_filter", "1"); err != nil {
				t.Fatal(err)
			}
		}, foreign, []string{published, "from", "198.51.100.7"}, "rp-filter", []string{"packet", "counter"}, "other-way"},
		{"ct zone mismatch", nft(`insert rule ip filter raw_prerouting iifname \"wan\" ct zone set 5`), server(8080),
			[]string{published}, "zone", nil, "works"},
		{"answer dropped", nft("insert rule ip filter forward tcp sport 80 drop"), server(8080), []string{published},
			"answer-dropped", nil, "works"},
		{"no route back here", func(t *testing.T, l *lab.Lab) {
			if _, err := l.TCPOnce(t.Context(), lab.TCP{From: l.Server, To: lab.PublishedHTTP}); err != nil {
				t.Fatal(err) // the hardware addresses are known
			}
			labtest.In(t, l.Server, "ip address add 198.51.100.7/32 dev lo")
		}, foreign, []string{published}, "no-route-back", []string{"route back"}, ""},
		{"the answer goes another way", func(t *testing.T, l *lab.Lab) {
			if _, err := l.TCPOnce(t.Context(), lab.TCP{From: l.Server, To: lab.PublishedHTTP}); err != nil {
				t.Fatal(err)
			}
			labtest.In(t, l.Server, "ip address add 198.51.100.7/32 dev lo")
			labtest.In(t, l.Gateway, "ip route add 198.51.100.0/24 via 192.168.77.3")
		}, foreign, []string{published}, "other-way", nil, ""},
		{"SNAT to an address that is gone", nft("insert rule ip nat postrouting oifname lan snat to 192.168.77.50"),
			server(8080), []string{published}, "snat-gone", nil, "works"},
		{"forwarding off", func(t *testing.T, l *lab.Lab) {
			if err := l.Gateway.WriteSysctl("net.ipv4.ip_forward", "0"); err != nil {
				t.Fatal(err)
			}
		}, server(8080), []string{published}, "not-forwarding", nil, "works"},
		{"no route", nft("insert rule ip nat prerouting tcp dport 8088 dnat to 198.51.100.9:80"), server(8088),
			[]string{"203.0.113.1:8088"}, "no-route", nil, ""},
		{"not tracked", nft("insert rule ip filter raw_prerouting tcp dport 8080 notrack"), server(8080), []string{published},
			"untracked", nil, "works"},
		{"no rule", func(*testing.T, *lab.Lab) {}, server(99), []string{"203.0.113.1:99"}, "no-forward", []string{"packet"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.NewWith(t, lab.Config{})
			c.set(t, l)
			remedy := expect(t, l, c.want, c.evidence, c.act(l), c.args...)
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
