//go:build linux

package findings

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// gateway is an engine over the events of the lab's gateway, with a clock that
// goes ahead of the kernel's: nobody waits for flows to be of age.
type gateway struct {
	*world
	l       *lab.Lab
	capture kernel.Capture
	service *kernel.Service
	ahead   time.Duration
	limits  *Limits
}

func newGateway(t *testing.T, cfg lab.Config) *gateway {
	g := &gateway{l: lab.NewWith(t, cfg)}
	var err error
	if g.capture, err = kernel.Open(kernel.Config{Way: kernel.Socket, NetNS: g.l.Gateway.FD()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.capture.Close() })
	if g.service, err = kernel.OpenService(g.l.Gateway.FD()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.service.Close() })
	g.world = newWorld(t, func(c *Config) { c.Counters, c.EstablishedTimeout = g.counters, g.established })
	g.limits = &g.engine.cfg.Limits
	return g
}

// counters and established are what the engine asks the kernel.
func (g *gateway) counters() (n Counters, err error) {
	cpus, err := g.service.CPUStats(context.Background())
	for i := range cpus {
		n.InsertFailed += uint64(cpus[i].Get(ctnetlink.InsertFailed))
	}
	return n, err
}

func (g *gateway) established() time.Duration {
	d, err := time.ParseDuration(g.sysctl("tcp_timeout_established") + "s")
	if err != nil {
		g.t.Error(err)
	}
	return d
}

func (g *gateway) sysctl(name string) string {
	text, err := g.l.Gateway.ReadSysctl("net.netfilter.nf_conntrack_" + name)
	g.must(err)
	return strings.TrimSpace(text)
}

func (g *gateway) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// hear brings the events that have come into the table and the engine.
func (g *gateway) hear() {
	g.t.Helper()
	var b monitor.Batch
	for {
		b.Reset()
		g.must(g.capture.(monitor.Live).Poll(&b))
		if len(b.Events) == 0 {
			return
		}
		g.table.Apply(&b)
		g.engine.Observe(&b)
	}
}

// await hears events until as many flows as wanted are selected by a filter.
func (g *gateway) await(text string, n uint64) {
	g.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		g.hear()
		got := g.selected(text)
		if got == n {
			return
		}
		if time.Now().After(end) {
			g.t.Fatalf("%s: %d flows, wanted %d", text, got, n)
		}
	}
}

// later lets time go by for the engine alone.
func (g *gateway) later(d time.Duration) {
	g.hear()
	g.now = monitor.Now() + monitor.Time(g.ahead)
	g.pass(d)
	g.ahead += d
}

// sees expects exactly one finding to appear, whose filter selects n flows.
func (g *gateway) sees(what string, n uint64) monitor.Finding {
	g.t.Helper()
	g.expect(what, []string{what}, nil)
	for _, f := range g.engine.Snapshot() {
		if f.Rule+" "+f.Subject != what {
			continue
		}
		g.t.Logf("%s: %s", f.Rule, f.Text)
		if got := g.selected(f.Filter); got != n || f.Flows != 0 && f.Flows != n || len(f.Examples) == 0 {
			g.t.Errorf("%s: %s selects %d flows of %d, wanted %d; examples %v", what, f.Filter, got, f.Flows, n, f.Examples)
		}
		g.shows(&f)
		return f
	}
	return monitor.Finding{}
}

// shows expects the examples of a finding to be among its evidence.
func (g *gateway) shows(f *monitor.Finding) {
	g.t.Helper()
	x, err := filter.Parse(f.Filter)
	g.must(err)
	keep := filter.Compile(x, filter.Env{})
	for _, ref := range f.Examples {
		var e monitor.Event
		r, extra, ok := g.table.Get(ref.Row, ref.Gen)
		if r.Event(ref.Row, extra, g.now, &e); !ok || !keep(&e) {
			g.t.Errorf("%s: an example is not of the evidence: %+v", f.Filter, ref)
		}
	}
}

// clears expects the finding, and nothing else, to be gone.
func (g *gateway) clears(what string) {
	g.t.Helper()
	g.expect("after "+what, nil, []string{what})
}

// delete takes flows out of the kernel's table.
func (g *gateway) delete(text string) {
	g.t.Helper()
	x, err := filter.Parse(text)
	g.must(err)
	keep := filter.Compile(x, filter.Env{})
	var targets []kernel.Target
	var e monitor.Event
	g.table.Scan(func(i uint32, r *monitor.Row, extra *monitor.Extra) bool {
		if r.Event(i, extra, g.now, &e); keep(&e) {
			targets = append(targets, kernel.TargetOf(&r.Flow, r.Known))
		}
		return true
	})
	_, _, err = g.service.Delete(g.t.Context(), targets)
	g.must(err)
	g.await(text, 0)
}

// forget empties the table and has all that stands be gone.
func (g *gateway) forget() {
	g.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		// Again and again: connections that end make flows anew.
		g.must(g.service.Flush(g.t.Context()))
		if g.hear(); g.selected("true") == 0 {
			break
		}
		if time.Now().After(end) {
			g.t.Fatal("the table does not get empty")
		}
	}
	g.later(31 * time.Second)
	g.came, g.gone = nil, nil
	if left := g.engine.Snapshot(); len(left) > 0 {
		g.t.Fatalf("still there: %+v", left)
	}
}

// rule puts a rule before those of a chain; undo takes it away.
func (g *gateway) rule(table, chain string, parts ...lab.Part) (undo func()) {
	g.t.Helper()
	g.must(g.l.AddRule(nftables.TableFamilyIPv4, table, chain, parts...))
	return func() {
		g.t.Helper()
		g.must(g.l.NFT(func(c *nftables.Conn) error {
			t := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: table}
			rules, err := c.GetRules(t, &nftables.Chain{Name: chain, Table: t})
			if err != nil {
				return err
			}
			return c.DelRule(rules[0])
		}))
	}
}

// noSYN matches TCP packets without SYN: tcp flags & syn == 0.
func noSYN() lab.Part {
	return lab.Part{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{2}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{0}},
	}
}

// ask sends a datagram from a port (0: one that may have been used before);
// without an answer it does not wait.
func (g *gateway) ask(from *lab.Namespace, port uint16, to netip.AddrPort, answered bool) {
	g.t.Helper()
	u := lab.UDP{From: from, To: to, NoReply: !answered}
	if port != 0 {
		u.Local = netip.AddrPortFrom(netip.Addr{}, port)
	}
	_, err := g.l.UDPOnce(g.t.Context(), u)
	g.must(err)
}

// hold opens connections and leaves them open.
func (g *gateway) hold(to netip.AddrPort, n int) (conns []*net.TCPConn) {
	g.t.Helper()
	for range n {
		ctx, cancel := context.WithTimeout(g.t.Context(), 20*time.Second)
		c, err := g.l.Client.DialTCP(ctx, netip.AddrPortFrom(netip.IPv4Unspecified(), 0), to)
		cancel()
		g.must(err)
		g.t.Cleanup(func() { c.Close() })
		conns = append(conns, c)
	}
	return conns
}

// TestCauses makes each cause for real, expects it to be found with the flows
// that show it, takes it away and expects the finding to be gone.
func TestCauses(t *testing.T) {
	g := newGateway(t, lab.Config{Sysctls: map[string]string{"net.netfilter.nf_conntrack_tcp_timeout_established": "1000"}})
	for _, c := range []struct {
		rule  string
		cause func(*gateway)
	}{
		{"syn-unanswered", causeUnanswered},
		{"syn-unanswered-host", causeUnansweredHost},
		{"half-open", causeHalfOpen},
		{"one-sided", causeOneSided},
		{"dnat-stale", causeStale},
		{"dnat-missed", causeMissed},
		{"snat-ports", causePorts},
		{"snat-clash", causeClash},
		{"many-flows", causeManyFlows},
		{"many-destinations", causeManyDestinations},
		{"dns-race", causeRace},
		{"idle", causeIdle},
	} {
		t.Run(c.rule, func(t *testing.T) {
			outer := g.t
			defer func() { g.t = outer; *g.limits = DefaultLimits() }()
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
	f := g.sees("dnat-stale 203.0.113.100:5353 → 203.0.113.66:53", 1)
	if f.Command != "natlens delete 'udp unreplied dst 203.0.113.100 dport 5353 nat.dst 203.0.113.66 nat.dport 53'" {
		g.t.Error(f.Command)
	}
	g.delete(f.Filter)
	g.ask(nil, 4001, at, true)
	g.later(5 * time.Second)
	g.clears("dnat-stale 203.0.113.100:5353 → 203.0.113.66:53")
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

// causePorts gives a pool of 80 ports 72 flows.
func causePorts(g *gateway) {
	pool := g.rule("nat", "postrouting", lab.OIf(lab.IfWAN), lab.Proto(unix.IPPROTO_UDP), lab.SNAT(lab.GatewayWAN, 5000, 5079, false))
	defer pool()
	for i := range uint16(72) {
		g.ask(nil, 30000+i, lab.ServerDNS, true)
	}
	g.await("udp seen_reply snat", 72)
	g.later(3 * time.Second)
	g.sees("snat-ports 203.0.113.1 udp → 203.0.113.9:53", 72)
	g.delete("udp sport >= 1")
	g.later(3 * time.Second)
	g.clears("snat-ports 203.0.113.1 udp → 203.0.113.9:53")
}

// causeClash has two clients use the same source ports.
func causeClash(g *gateway) {
	g.limits[snatClashMin] = 30
	for port := range uint16(40) {
		g.ask(g.l.Client, 20000+port, lab.ServerDNS, true)
		g.ask(g.l.Client2, 20000+port, lab.ServerDNS, true)
	}
	g.await("udp seen_reply snat", 80)
	g.later(3 * time.Second)
	// A port that was chosen for one may be the one that another would have kept.
	changed := g.selected("udp snat-port")
	if changed < 40 {
		g.t.Errorf("%d ports were changed", changed)
	}
	g.sees("snat-clash 203.0.113.1 udp", changed)
	g.delete("udp src 192.168.77.3")
	g.later(3 * time.Second)
	g.clears("snat-clash 203.0.113.1 udp")
}

// causeManyFlows sends to where nobody answers: an answer that comes when the
// table was emptied would be a flow of its own.
func causeManyFlows(g *gateway) {
	to := netip.AddrPortFrom(lab.Blackhole, 53)
	g.limits[manyFlows] = 10
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
	g.limits[manyDestinations] = 90
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

// causeRace has flows to a resolver lose: there is one port for ten of them.
func causeRace(g *gateway) {
	pool := g.rule("nat", "postrouting", lab.OIf(lab.IfWAN), lab.Proto(unix.IPPROTO_UDP), lab.SNAT(lab.GatewayWAN, 5000, 5011, false))
	defer pool()
	g.later(time.Second)
	for i := range uint16(12) {
		g.ask(nil, 30000+i, lab.ServerDNS, true)
	}
	before, err := g.engine.cfg.Counters()
	g.must(err)
	for end := time.Now().Add(20 * time.Second); ; {
		g.ask(nil, 0, lab.ServerDNS, false)
		now, err := g.engine.cfg.Counters()
		g.must(err)
		if now.InsertFailed >= before.InsertFailed+4 {
			break
		}
		if time.Now().After(end) {
			g.t.Fatal("insert_failed does not move")
		}
	}
	g.await("udp seen_reply", 12)
	n := g.selected("udp dport 53")
	g.later(11 * time.Second)
	g.sees("dns-race 203.0.113.9", n)
	g.later(21 * time.Second)
	g.clears("dns-race 203.0.113.9")
}

// causeIdle leaves connections alone for a time that the kernel says is long: it
// kept them for 1,000 s, and keeps new ones for a day.
func causeIdle(g *gateway) {
	g.limits[idleFlows] = 10
	conns := g.hold(lab.ServerHTTP, 12)
	g.await("tcp established seen_reply assured", 12)
	g.must(g.l.Gateway.WriteSysctl("net.netfilter.nf_conntrack_tcp_timeout_established", "86400"))
	g.later(3 * time.Second)
	g.sees("idle table", 12)
	for _, c := range conns {
		c.Close()
	}
	g.await("tcp established", 0)
	g.later(3 * time.Second)
	g.clears("idle table")
}
