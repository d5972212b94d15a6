//go:build linux

package capture

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/nftables"

	"natlens/monitor"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
)

// natCase is one row of the table of NAT cases that the kernel can make: the
// traffic, the flow to check, and what it must be.
type natCase struct {
	name   string
	rule   func(l *lab.Lab) error
	act    func(ctx context.Context, l *lab.Lab) error
	dst    netip.AddrPort // the flow: where its original direction goes, and
	sport  uint16         // its source port or ICMP id; 0: any
	want   monitor.NAT
	path   monitor.Path
	sentAs netip.Addr
	at     netip.AddrPort // delivered to
}

func TestNATCases(t *testing.T) {
	dial := func(from func(*lab.Lab) *lab.Namespace, local, to netip.AddrPort) func(context.Context, *lab.Lab) error {
		return func(ctx context.Context, l *lab.Lab) error {
			_, err := l.TCPOnce(ctx, lab.TCP{From: from(l), Local: local, To: to, Bytes: 10})
			return err
		}
	}
	client := func(l *lab.Lab) *lab.Namespace { return l.Client }
	gateway := func(l *lab.Lab) *lab.Namespace { return l.Gateway }
	server := func(l *lab.Lab) *lab.Namespace { return l.Server }
	var any netip.AddrPort
	for _, c := range []natCase{
		{name: "masquerade", act: dial(client, any, lab.ServerHTTPS), dst: lab.ServerHTTPS,
			want: monitor.NAT{Kind: monitor.NATSource, SrcAddr: true}, path: monitor.PathForward, sentAs: lab.GatewayWAN,
			at: lab.ServerHTTPS},
		{name: "SNAT to a port range",
			rule: func(l *lab.Lab) error {
				return labtest.AddRule(l, nftables.TableFamilyIPv4, "nat", "postrouting", lab.OIf(lab.IfWAN), lab.Proto(6),
					labtest.SNAT(lab.GatewayWAN, 1024, 1031, false))
			},
			act: dial(client, any, lab.ServerHTTPS), dst: lab.ServerHTTPS,
			want: monitor.NAT{Kind: monitor.NATSource, SrcAddr: true, SrcPort: true}, path: monitor.PathForward,
			sentAs: lab.GatewayWAN, at: lab.ServerHTTPS},
		{name: "DNAT", act: dial(server, any, lab.PublishedHTTP), dst: lab.PublishedHTTP,
			want: monitor.NAT{Kind: monitor.NATDestination, DstAddr: true, DstPort: true}, path: monitor.PathForward,
			sentAs: lab.ServerIP, at: lab.ClientHTTP},
		{name: "DNAT and masquerade",
			rule: func(l *lab.Lab) error {
				return labtest.AddRule(l, nftables.TableFamilyIPv4, "nat", "postrouting", lab.OIf(lab.IfLAN), lab.Masquerade())
			},
			act: dial(server, any, lab.PublishedHTTP), dst: lab.PublishedHTTP,
			want: monitor.NAT{Kind: monitor.NATBoth, SrcAddr: true, DstAddr: true, DstPort: true}, path: monitor.PathForward,
			sentAs: lab.GatewayLAN, at: lab.ClientHTTP},
		{name: "redirect of a client", act: dial(client, any, lab.Redirected), dst: lab.Redirected,
			want: monitor.NAT{Kind: monitor.NATDestination, DstAddr: true, DstPort: true, Redirect: true}, path: monitor.PathIn,
			sentAs: lab.ClientIP, at: netip.AddrPortFrom(lab.GatewayLAN, 9091)},
		{name: "redirect on loopback: the port alone", act: dial(gateway, any, lab.RedirectedLoopback),
			dst:  lab.RedirectedLoopback,
			want: monitor.NAT{Kind: monitor.NATDestination, DstPort: true, Redirect: true}, path: monitor.PathLoop,
			sentAs: netip.MustParseAddr("127.0.0.1"), at: netip.MustParseAddrPort("127.0.0.1:9091")},
		{name: "from the gateway itself: no NAT", act: dial(gateway, any, lab.ServerHTTP), dst: lab.ServerHTTP,
			path: monitor.PathOut, sentAs: lab.GatewayWAN, at: lab.ServerHTTP},
		{name: "IPv6, routed",
			act: dial(client, any, lab.ServerHTTPS6), dst: lab.ServerHTTPS6, path: monitor.PathForward, sentAs: lab.ClientIP6,
			at: lab.ServerHTTPS6},
		{name: "two clients, one source port",
			act: func(ctx context.Context, l *lab.Lab) error {
				first := dial(client, netip.AddrPortFrom(lab.ClientIP, 4444), lab.ServerSSH)
				second := dial(func(l *lab.Lab) *lab.Namespace { return l.Client2 }, netip.AddrPortFrom(lab.Client2IP, 4444),
					lab.ServerSSH)
				if err := first(ctx, l); err != nil {
					return err
				}
				return second(ctx, l)
			},
			dst: lab.ServerSSH, sport: 4444,
			want: monitor.NAT{Kind: monitor.NATSource, SrcAddr: true, SrcPort: true}, path: monitor.PathForward,
			sentAs: lab.GatewayWAN, at: lab.ServerSSH},
		{name: "two clients, one ICMP id",
			act: func(ctx context.Context, l *lab.Lab) error {
				if err := l.PingOnce(ctx, lab.Ping{To: lab.ServerIP, ID: 77}); err != nil {
					return err
				}
				return l.PingOnce(ctx, lab.Ping{From: l.Client2, To: lab.ServerIP, ID: 77})
			},
			dst: netip.AddrPortFrom(lab.ServerIP, 0), sport: 77,
			want: monitor.NAT{Kind: monitor.NATSource, SrcAddr: true, SrcPort: true}, path: monitor.PathForward,
			sentAs: lab.GatewayWAN, at: netip.AddrPortFrom(lab.ServerIP, 0)},
	} {
		t.Run(c.name, c.run)
	}
}

func (c natCase) run(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	if c.dst.Addr().Is6() && !l.IPv6 {
		labtest.Lack(t, "IPv6")
	}
	if c.rule != nil {
		if err := c.rule(l); err != nil {
			t.Fatal(err)
		}
	}
	locals, err := netns.Locals(l.Gateway.FD())
	if err != nil {
		t.Fatal(err)
	}
	// The clash cases wait for the second flow: the one whose port changed.
	e := flowUntil(t, l, func(ctx context.Context) error { return c.act(ctx, l) }, func(e *monitor.Event) bool {
		to := e.Flow.To()
		return e.Kind == monitor.KindNew && to.Addr == monitor.AddrFrom(c.dst.Addr()) && to.Port == c.dst.Port() &&
			(c.sport == 0 || e.Flow.Orig.SrcPort == c.sport && e.Flow.Orig.Src == monitor.AddrFrom(lab.Client2IP))
	})
	f := &e.Flow
	f.Path = locals.Path(f)
	if got := f.NAT(); got != c.want {
		t.Errorf("NAT %+v\nwant %+v", got, c.want)
	}
	if f.Path != c.path {
		t.Errorf("path %v, want %v", f.Path, c.path)
	}
	if got := f.SentAs().Addr.Netip(); got != c.sentAs {
		t.Errorf("sent as %v, want %v", got, c.sentAs)
	}
	if got := netip.AddrPortFrom(f.DeliveredTo().Addr.Netip(), f.DeliveredTo().Port); got != c.at {
		t.Errorf("delivered to %v, want %v", got, c.at)
	}
}
