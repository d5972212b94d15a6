//go:build linux

package findings

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
)

// TestCauses makes each cause for real, expects it to be found with the flows
// that show it, takes it away and expects the finding to be gone.
func TestCauses(t *testing.T) {
	g := newGateway(t, lab.Config{Acct: true, Sysctls: map[string]string{"net.netfilter.nf_conntrack_tcp_timeout_established": "100000"}})
	for _, c := range []struct {
		rule  string
		cause func(*gateway)
	}{
		{"syn-unanswered", causeUnanswered},
		{"syn-unanswered-host", causeUnansweredHost},
		{"half-open", causeHalfOpen},
		{"one-sided", causeOneSided},
		{"dnat-stale", causeStale},
		{"dnat-stale, answered once", causeAbandoned},
		{"dnat-missed", causeMissed},
		{"dnat-missed, answered once", causeProxy},
		{"dnat-missed, TCP", causeMount},
		{"dnat-stale, TCP", causeMoved},
		{"hairpin", causeHairpin},
		{"hairpin, UDP", causeHairpinUDP},
		{"snat-ports", causePorts},
		{"snat-ports, a block of one client", causeBlock},
		{"snat-ports, a block of two clients", causeSharedBlock},
		{"snat-clash", causeClash},
		{"snat-gone", causeGone},
		{"many-flows", causeManyFlows},
		{"many-destinations", causeManyDestinations},
		{"dns-race", causeRace},
		{"dns-clash", causeDNSClash},
		{"idle", causeIdle},
		{"idle, but busy", causeDownload},
	} {
		t.Run(c.rule, func(t *testing.T) {
			outer := g.t
			defer func() { g.t = outer; *g.thresholds = DefaultThresholds() }()
			g.t = t
			g.forget()
			c.cause(g)
		})
	}
}

func causeUnanswered(g *gateway) {
	to := netip.AddrPortFrom(lab.Blackhole, 81)
	for i := range uint16(21) {
		_, err := g.l.SYNOnce(g.t.Context(), lab.TCP{Local: netip.AddrPortFrom(netip.Addr{}, 30000+i), To: to})
		g.must(err)
	}
	g.await("tcp syn_sent", 21)
	g.later(5 * time.Second)
	g.sees("syn-unanswered 203.0.113.66:81", 21)
	g.delete("tcp syn_sent")
	g.later(5 * time.Second)
	g.clears("syn-unanswered 203.0.113.66:81")
}

func causeUnansweredHost(g *gateway) {
	for port := range uint16(60) {
		_, err := g.l.SYNOnce(g.t.Context(), lab.TCP{To: netip.AddrPortFrom(lab.Blackhole, 1000+port)})
		g.must(err)
	}
	g.await("tcp syn_sent", 60)
	g.later(5 * time.Second)
	g.sees("syn-unanswered-host 192.168.77.2", 60)
	g.delete("tcp syn_sent")
	g.later(5 * time.Second)
	g.clears("syn-unanswered-host 192.168.77.2")
}

// causeHalfOpen has the client's packets but the first take another way.
func causeHalfOpen(g *gateway) {
	elsewhere := g.rule("filter", "raw_prerouting", lab.IIf(lab.IfLAN), lab.Proto(unix.IPPROTO_TCP), noSYN(), lab.Drop())
	conns := g.hold(lab.ServerHTTP, 12)
	g.await("tcp syn_recv", 12)
	g.later(7 * time.Second)
	g.sees("half-open 203.0.113.9:80", 12)
	elsewhere()
	for _, c := range conns {
		_, err := c.Write([]byte{0})
		g.must(err)
	}
	g.await("tcp established seen_reply", 12)
	g.later(5 * time.Second)
	g.clears("half-open 203.0.113.9:80")
}

// causeOneSided has the server's packets of connections that are there take
// another way.
func causeOneSided(g *gateway) {
	conns := g.hold(lab.ServerHTTP, 12)
	g.await("tcp established seen_reply", 12)
	elsewhere := g.rule("filter", "raw_prerouting", lab.IIf(lab.IfWAN), lab.Proto(unix.IPPROTO_TCP), lab.Drop())
	g.must(g.service.Flush(g.t.Context()))
	g.await("true", 0)
	for _, c := range conns {
		_, err := c.Write([]byte{0})
		g.must(err)
	}
	g.await("tcp established unreplied", 12)
	g.later(7 * time.Second)
	g.sees("one-sided 203.0.113.9:80", 12)
	elsewhere()
	g.await("tcp established unreplied", 0) // the client sends again, and is answered
	g.later(5 * time.Second)
	g.clears("one-sided 203.0.113.9:80")
}

// causeStale moves a service while a client goes on sending from one port.
func causeStale(g *gateway) {
	at := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.100"), 5353)
	udp := lab.Proto(unix.IPPROTO_UDP)
	before := g.rule("nat", "prerouting", udp, lab.Dport(5353), lab.DNAT(lab.Blackhole, 53))
	for range 3 {
		g.ask(nil, 4001, at, false)
	}
	before()
	after := g.rule("nat", "prerouting", udp, lab.Dport(5353), lab.DNAT(lab.ServerIP, 53))
	defer after()
	g.ask(nil, 4002, at, true)
	g.ask(nil, 4003, at, true)
	g.ask(nil, 4001, at, false)
	g.await("udp dnat seen_reply", 2)
	g.later(15 * time.Second)
	g.mends("203.0.113.100:5353 → 203.0.113.66:53", "udp unreplied dst 203.0.113.100 dport 5353 nat.dst 203.0.113.66 nat.dport 53", at)
}

// mends sees a flow that goes on to a target that is gone, deletes it by the
// finding's own filter, and expects its client to be answered then.
func (g *gateway) mends(subject, filter string, at netip.AddrPort) {
	g.t.Helper()
	f := g.sees("dnat-stale "+subject, 1)
	if f.Command != "natlens delete '"+filter+"'" {
		g.t.Error(f.Command)
	}
	g.delete(f.Filter)
	g.ask(nil, 4001, at, true)
	g.later(5 * time.Second)
	g.clears("dnat-stale " + subject)
}

// causeAbandoned moves a service away from a target that goes on answering its old
// client, which is no trouble, and then answers no more.
func causeAbandoned(g *gateway) {
	at, old := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.101"), 5356), netip.AddrPortFrom(lab.ServerIP, 5053)
	g.must(g.l.ServeUDP(g.l.Server, old))
	udp := lab.Proto(unix.IPPROTO_UDP)
	before := g.rule("nat", "prerouting", udp, lab.Dport(5356), lab.DNAT(old.Addr(), old.Port()))
	g.ask(nil, 4001, at, true)
	g.await("udp dnat seen_reply", 1) // by socket, what is read at once began at once
	before()
	after := g.rule("nat", "prerouting", udp, lab.Dport(5356), lab.DNAT(lab.ServerIP, 53))
	defer after()
	for port := range uint16(9) {
		g.ask(nil, 4010+port, at, true)
	}
	g.await("udp dnat seen_reply", 10)
	g.later(3 * time.Second)
	for _, answered := range []bool{true, false} {
		if !answered {
			gone := g.rule("filter", "raw_prerouting", lab.IIf(lab.IfWAN), udp, labtest.Sport(old.Port()), lab.Drop())
			defer gone()
		}
		for range fewPackets {
			g.ask(nil, 4001, at, answered)
		}
		if answered {
			g.later(15 * time.Second)
			g.expect("while it is answered", nil, nil)
		}
	}
	g.later(15 * time.Second)
	g.mends("203.0.113.101:5356 → 203.0.113.9:5053", "udp dst 203.0.113.101 dport 5356 nat.dst 203.0.113.9 nat.dport 5053", at)
}

// causeMissed publishes a service while a client sends to it already.
func causeMissed(g *gateway) {
	at := netip.AddrPortFrom(lab.Blackhole, 5354)
	g.ask(nil, 4001, at, false)
	published := g.rule("nat", "prerouting", lab.Proto(unix.IPPROTO_UDP), lab.Dport(5354), lab.DNAT(lab.ServerIP, 53))
	defer published()
	g.ask(nil, 4002, at, true)
	g.ask(nil, 4001, at, false)
	g.await("udp dnat seen_reply", 1)
	g.later(15 * time.Second)
	f := g.sees("dnat-missed 203.0.113.66:5354", 1)
	g.delete(f.Filter)
	g.ask(nil, 4001, at, true)
	g.later(5 * time.Second)
	g.clears("dnat-missed 203.0.113.66:5354")
}

// causeProxy publishes a service by DNAT after a proxy has answered a client once. The
// proxy stops, and the client keeps sending from the same port.
func causeProxy(g *gateway) {
	at := netip.AddrPortFrom(lab.ServerIP, 5357)
	g.must(g.l.ServeUDP(g.l.Server, at))
	udp := lab.Proto(unix.IPPROTO_UDP)
	g.ask(nil, 4001, at, true)
	g.await("udp seen_reply", 1)
	published := g.rule("nat", "prerouting", udp, lab.Dport(at.Port()), lab.DNAT(lab.ServerIP, 53))
	defer published()
	g.ask(nil, 4002, at, true)
	g.ask(nil, 4003, at, true)
	g.await("udp dnat seen_reply", 2)
	g.later(3 * time.Second)
	for range fewPackets {
		g.ask(nil, 4001, at, true)
	}
	g.later(15 * time.Second)
	g.expect("while the proxy answers", nil, nil)
	stopped := g.rule("filter", "raw_prerouting", lab.IIf(lab.IfWAN), udp, labtest.Sport(at.Port()), lab.Drop())
	defer stopped()
	for range fewPackets {
		g.ask(nil, 4001, at, false)
	}
	g.later(15 * time.Second)
	f := g.sees("dnat-missed 203.0.113.9:5357", 1)
	if want := "natlens delete 'udp not dnat dst 203.0.113.9 dport 5357'"; f.Command != want {
		g.t.Error(f.Command)
	}
	g.delete(f.Filter)
	g.ask(nil, 4001, at, true)
	g.later(5 * time.Second)
	g.clears("dnat-missed 203.0.113.9:5357")
}

// mount repeats a SYN from one port, as a mount does whose server is gone.
func (g *gateway) mount(at netip.AddrPort) {
	g.t.Helper()
	_, err := g.l.SYNOnce(g.t.Context(), lab.TCP{Local: netip.AddrPortFrom(netip.Addr{}, 800), To: at})
	g.must(err)
}

// causeMount publishes a service by DNAT while a client repeats its SYN to it.
func causeMount(g *gateway) {
	at := netip.AddrPortFrom(lab.Blackhole, 2049)
	g.mount(at)
	g.await("tcp syn_sent", 1)
	published := g.rule("nat", "prerouting", lab.Proto(unix.IPPROTO_TCP), lab.Dport(at.Port()), lab.DNAT(lab.ServerIP, 80))
	defer published()
	g.hold(at, 6)
	g.mount(at)
	g.await("tcp dnat seen_reply", 6)
	g.later(15 * time.Second)
	f := g.sees("dnat-missed 203.0.113.66:2049 tcp", 1)
	if want := "natlens delete 'tcp syn_sent unreplied not dnat dst 203.0.113.66 dport 2049'"; f.Command != want {
		g.t.Error(f.Command)
	}
	g.delete(f.Filter)
	g.later(5 * time.Second)
	g.clears("dnat-missed 203.0.113.66:2049 tcp")
}

// causeMoved moves a service to another target while a client repeats its SYN.
func causeMoved(g *gateway) {
	at, tcp := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.100"), 2049), lab.Proto(unix.IPPROTO_TCP)
	before := g.rule("nat", "prerouting", tcp, lab.Dport(at.Port()), lab.DNAT(lab.Blackhole, 2049))
	g.mount(at)
	g.await("tcp syn_sent", 1)
	before()
	after := g.rule("nat", "prerouting", tcp, lab.Dport(at.Port()), lab.DNAT(lab.ServerIP, 80))
	defer after()
	g.hold(at, 6)
	g.mount(at)
	g.await("tcp dnat seen_reply", 6)
	g.later(15 * time.Second)
	f := g.sees("dnat-stale 203.0.113.100:2049 tcp → 203.0.113.66:2049", 1)
	g.delete(f.Filter)
	g.later(5 * time.Second)
	g.clears("dnat-stale 203.0.113.100:2049 tcp → 203.0.113.66:2049")
}

// bypass publishes client2's port of a protocol to the LAN, and has its answers take the
// way that they take in a network of their own: not through the gateway.
func (g *gateway) bypass(proto byte, at netip.AddrPort) (undo func()) {
	published := g.rule("nat", "prerouting", lab.Proto(proto), labtest.Daddr(at.Addr()), lab.Dport(at.Port()), lab.DNAT(lab.Client2IP, 80))
	around := g.rule("filter", "raw_prerouting", lab.IIf(lab.IfLAN2), lab.Proto(proto), lab.Drop())
	return func() { around(); published() }
}

// causeHairpin has a client connect to the public address of a server beside it.
func causeHairpin(g *gateway) {
	at := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.100"), 443)
	defer g.bypass(unix.IPPROTO_TCP, at)()
	_, err := g.l.SYNOnce(g.t.Context(), lab.TCP{To: at})
	g.must(err)
	g.await("tcp syn_sent dnat not snat", 1)
	g.later(5 * time.Second)
	f := g.sees("hairpin 203.0.113.100:443 tcp → 192.168.77.3:80", 1)
	if want := "natlens list 'tcp syn_sent unreplied dnat not snat dst 203.0.113.100 dport 443 nat.dst 192.168.77.3 nat.dport 80 src 192.168.77.0/24'"; f.Command != want {
		g.t.Error(f.Command)
	}
	g.delete(f.Filter)
	g.later(5 * time.Second)
	g.clears("hairpin 203.0.113.100:443 tcp → 192.168.77.3:80")
}

func causeHairpinUDP(g *gateway) {
	at := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.100"), 5060)
	defer g.bypass(unix.IPPROTO_UDP, at)()
	g.ask(nil, 4001, at, false)
	g.await("udp dnat not snat", 1)
	g.later(12 * time.Second)
	f := g.sees("hairpin 203.0.113.100:5060 udp → 192.168.77.3:80", 1)
	g.delete(f.Filter)
	g.later(5 * time.Second)
	g.clears("hairpin 203.0.113.100:5060 udp → 192.168.77.3:80")
}

// causeGone takes an address from the gateway while a client sends by it.
func causeGone(g *gateway) {
	gw, err := netlink.NewHandleAt(vnetns.NsHandle(g.l.Gateway.FD()), unix.NETLINK_ROUTE)
	g.must(err)
	defer gw.Close()
	wan, err := gw.LinkByName(lab.IfWAN)
	g.must(err)
	old, err := netlink.ParseAddr("203.0.113.77/24")
	g.must(err)
	g.must(gw.AddrAdd(wan, old))
	before := g.rule("nat", "postrouting", lab.OIf(lab.IfWAN), labtest.SNAT(netip.MustParseAddr("203.0.113.77"), 1024, 65535, false))
	g.ask(nil, 4001, lab.ServerDNS, true)
	g.await("udp snat seen_reply", 1)
	g.later(3 * time.Second)
	before()
	g.must(gw.AddrDel(wan, old))
	elsewhere := g.rule("filter", "raw_prerouting", lab.IIf(lab.IfWAN), labtest.Daddr(netip.MustParseAddr("203.0.113.77")), lab.Drop())
	defer elsewhere() // the server has still the gateway's link address for it
	g.ask(nil, 4002, lab.ServerDNS, true)
	g.await("udp snat seen_reply", 2)
	g.later(3 * time.Second)
	g.expect("before a packet is not answered", nil, nil)
	for range fewPackets {
		g.ask(nil, 4001, lab.ServerDNS, false)
	}
	g.later(12 * time.Second)
	f := g.sees("snat-gone 203.0.113.77", 1)
	if want := "natlens delete 'snat and not nat.src 203.0.113.1'"; f.Command != want {
		g.t.Error(f.Command)
	}
	g.delete(f.Filter)
	g.ask(nil, 4001, lab.ServerDNS, true)
	g.later(5 * time.Second)
	g.clears("snat-gone 203.0.113.77")
}

// causeManyFlows sends to where nobody answers: an answer that comes when the
// table was emptied would be a flow of its own.
func causeManyFlows(g *gateway) {
	to := netip.AddrPortFrom(lab.Blackhole, 53)
	g.thresholds[manyFlows] = 10
	g.later(time.Second)
	for i := range uint16(5) {
		g.ask(g.l.Client2, 30000+i, to, false)
	}
	for i := range uint16(120) {
		g.ask(nil, 31000+i, to, false)
	}
	g.await("udp", 125)
	g.later(11 * time.Second)
	g.sees("many-flows 192.168.77.2", 120)
	g.later(21 * time.Second)
	g.clears("many-flows 192.168.77.2")
}

func causeManyDestinations(g *gateway) {
	g.thresholds[manyDestinations] = 90
	g.later(time.Second)
	for port := range uint16(100) {
		g.ask(nil, 0, netip.AddrPortFrom(lab.Blackhole, 6000+port), false)
	}
	g.await("udp", 100)
	g.later(11 * time.Second)
	g.sees("many-destinations 192.168.77.2", 100)
	g.later(21 * time.Second)
	g.clears("many-destinations 192.168.77.2")
}

// race runs races until the counters have moved enough.
func (g *gateway) race(r labtest.Race, enough func() bool) {
	g.t.Helper()
	err := labtest.RunRace(g.t.Context(), g.l, r, enough)
	if errors.Is(err, labtest.ErrOneCPU) {
		labtest.Lack(g.t, "second CPU")
	}
	g.must(err)
}

// seesRaces expects a finding of races that have just been run, and that it is
// gone when there are no more.
func (g *gateway) seesRaces(what string) {
	g.t.Helper()
	g.awaitAll()
	n := g.selected("udp dport 53")
	g.later(11 * time.Second)
	g.sees(what, n)
	g.later(21 * time.Second)
	g.clears(what)
}

// causeIdle leaves connections alone for a time that the kernel says is long: it
// kept them for 100,000 s, and keeps new ones for five days.
func causeIdle(g *gateway) {
	g.thresholds[idleFlows] = 10
	conns := g.hold(lab.ServerHTTP, 12)
	g.await("tcp established seen_reply assured", 12)
	g.must(g.l.Gateway.WriteSysctl("net.netfilter.nf_conntrack_tcp_timeout_established", "432000"))
	g.later(8 * time.Second)
	g.sees("idle table", 12)
	for _, c := range conns {
		c.Close()
	}
	g.await("tcp established", 0)
	g.later(3 * time.Second)
	g.clears("idle table")
}

// causeDownload has connections whose data is not acknowledged: the kernel gives them a
// timeout of 300 s, which is no sign of an idle connection.
func causeDownload(g *gateway) {
	g.thresholds[idleFlows] = 1
	g.must(g.l.Gateway.WriteSysctl("net.netfilter.nf_conntrack_tcp_timeout_established", "432000"))
	conns := g.hold(lab.ServerHTTP, 2)
	g.await("tcp established seen_reply assured", 2)
	unacknowledged := g.rule("filter", "raw_prerouting", lab.IIf(lab.IfWAN), lab.Proto(unix.IPPROTO_TCP), lab.Drop())
	defer unacknowledged()
	for range 3 {
		for _, c := range conns {
			_, err := c.Write([]byte("data"))
			g.must(err)
		}
		g.later(4 * time.Second)
		g.dump()
	}
	if n := g.selected("tcp established timeout <= 300s"); n != 2 {
		g.t.Fatalf("%d flows have the timeout of data that is not acknowledged", n)
	}
	g.expect("two busy connections", nil, nil)
}
