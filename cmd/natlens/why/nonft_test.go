//go:build linux

package why

import (
	"context"
	"net/netip"
	"testing"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestWithoutNft asks about port forwards whose verdict depends on what a rule says, where nft(8) is not installed.
func TestWithoutNft(t *testing.T) {
	udp := func(l *lab.Lab, port uint16) func(context.Context) {
		return func(ctx context.Context) {
			to := netip.AddrPortFrom(lab.GatewayWAN, port)
			_, _ = l.UDPOnce(ctx, lab.UDP{From: l.Server, Local: netip.AddrPortFrom(netip.Addr{}, 4000), To: to, NoReply: true})
		}
	}
	for _, c := range []struct {
		name, rules string
		from        func(*lab.Lab) *lab.Namespace // nil: the server
		port        uint16
		want        string
	}{
		{"named set", "add set ip nat web { type inet_service; elements = { 80, 8088 }; }\n" +
			`add rule ip nat prerouting iif "wan" tcp dport @web dnat to 192.168.77.2:80`,
			func(l *lab.Lab) *lab.Namespace { return l.Client }, 8088, "not-matched"},
		{"redirect", `table inet more { chain pre { type nat hook prerouting priority -90; iifname "wan" tcp dport 99 redirect to :9091; }; }`,
			func(l *lab.Lab) *lab.Namespace { return l.Client }, 99, "not-matched"},
		{"zone", `insert rule ip filter raw_prerouting iifname "wan" ct zone set 5`, nil, 8080, "zone"},
		{"not tracked", "insert rule ip filter raw_prerouting tcp dport 8080 notrack", nil, 8080, "untracked"},
		{"iptables", "iptables-nft -t raw -A PREROUTING -p tcp --dport 8080 -j CT --notrack", nil, 8080, "untracked"},
		{"stale", "insert rule ip nat prerouting udp dport 5353 dnat to 192.168.77.2:53", nil, 5353, "stale"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := labtest.NewWith(t, lab.Config{})
			from, args := l.Server, []string{netip.AddrPortFrom(lab.GatewayWAN, c.port).String()}
			if c.from != nil {
				from = c.from(l)
			}
			act := dial(from, netip.AddrPortFrom(lab.GatewayWAN, c.port))
			if c.want == "stale" {
				act, args = udp(l, c.port), append(args, "-p", "udp")
				act(t.Context())
			}
			labtest.Rules(t, l, c.rules)
			t.Setenv("PATH", "")
			expect(t, l, c.want, nil, act, args...)
		})
	}
}
