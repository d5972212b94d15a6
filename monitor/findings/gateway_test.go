//go:build linux

package findings

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/netns"
	"natlens/monitor/table"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// gateway is an engine over the events of the lab's gateway, with a clock that
// goes ahead of the kernel's: nobody waits for flows to be of age.
type gateway struct {
	*world
	l          *lab.Lab
	capture    *capture.Capture
	service    *kernel.Service
	ahead      time.Duration
	refresh    bool // a dump was asked for
	thresholds *Thresholds
}

func newGateway(t *testing.T, cfg lab.Config) *gateway {
	g := &gateway{l: labtest.NewWith(t, cfg)}
	var err error
	if g.capture, err = capture.Open(capture.Config{Dump: kernel.Dump, Way: capture.Socket, NetNS: g.l.Gateway.FD()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.capture.Close() })
	if g.service, err = kernel.OpenService(g.l.Gateway.FD()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.service.Close() })
	g.world = newWorld(t, func(c *Config) {
		c.Counters, c.TCPTimeouts, c.Packets, c.Refresh = g.counters, g.timeouts, g.packets, func() { g.refresh = true }
	})
	g.thresholds = &g.engine.cfg.Thresholds
	return g
}

// counters, packets and established are what the engine asks the kernel.
func (g *gateway) counters() map[monitor.NetNS]map[string]uint64 {
	sums := make(map[string]uint64)
	cpus, _ := g.service.CPUStats(context.Background())
	for i := range cpus {
		for word, n := range cpus[i].Counters {
			sums[word] += uint64(n)
		}
	}
	return map[monitor.NetNS]map[string]uint64{0: sums}
}

func (g *gateway) packets(f *monitor.Flow) (orig, reply uint64, ok bool) {
	var b monitor.Batch
	if err := g.service.Get(context.Background(), f, &b); err != nil {
		return 0, 0, false
	}
	e := &b.Events[0]
	return e.Flow.CountersOrig.Packets, e.Flow.CountersReply.Packets, e.Has.All(monitor.AttrCountersOrig | monitor.AttrCountersReply)
}

func (g *gateway) timeouts(monitor.NetNS) monitor.TCPTimeouts {
	return probe.TCPTimeouts(g.l.Gateway.FD())
}

func (g *gateway) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// read brings the events that have come into the table and the engine.
func (g *gateway) read() {
	g.t.Helper()
	var b monitor.Batch
	for {
		b.Reset()
		g.must(g.capture.Poll(&b))
		if len(b.Events) == 0 {
			return
		}
		g.table.Apply(&b)
		g.engine.Observe(&b)
	}
}

// await reads events until as many flows as wanted are selected by a filter.
func (g *gateway) await(text string, n uint64) {
	g.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		g.read()
		got := g.selected(text)
		if got == n {
			return
		}
		if time.Now().After(end) {
			g.t.Fatalf("%s: %d flows, wanted %d", text, got, n)
		}
	}
}

// awaitAll reads events until all flows of the kernel's table are known.
func (g *gateway) awaitAll() {
	g.t.Helper()
	labtest.WaitFor(g.t, "all flows of the kernel's table", func() bool {
		g.read()
		fill, err := g.service.Fill(g.t.Context()) // entries that lost a race stay for a second
		g.must(err)
		return g.selected("true") == uint64(fill.Entries)
	})
}

// later lets time go by for the engine alone, in steps of a second, and reads the kernel's
// table again when the engine asks for it.
func (g *gateway) later(d time.Duration) {
	g.t.Helper()
	for ; d > 0; d -= time.Second {
		g.read()
		g.now = monitor.Now() + monitor.Time(g.ahead)
		locals, err := netns.Locals(g.l.Gateway.FD())
		g.must(err)
		g.table.SetLocals(locals)
		step := min(d, time.Second)
		g.pass(step)
		g.ahead += step
		if g.refresh {
			g.refresh = false
			g.dump()
		}
	}
}

// dump brings the kernel's table into the engine's.
func (g *gateway) dump() {
	g.t.Helper()
	d, err := g.capture.Dump(g.t.Context(), nil)
	g.must(err)
	rec := g.table.Reconcile(table.DumpRefresh, nil)
	var in, out monitor.Batch
	for {
		in.Reset()
		err := d.Next(g.t.Context(), &in)
		for i := range in.Events { // as they will be by the engine's clock
			e := &in.Events[i]
			e.Time += monitor.Time(g.ahead)
			e.Flow.Timeout -= min(e.Flow.Timeout, uint32(g.ahead/time.Second))
		}
		rec.Apply(&in, &out)
		if errors.Is(err, io.EOF) {
			break
		}
		g.must(err)
	}
	rec.End()
	g.must(d.Close())
	g.engine.Observe(&out)
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
	g.table.Scan(func(i uint32, r *table.Row, extra *monitor.Extra) bool {
		if r.Event(i, extra, g.now, &e); keep(&e) {
			targets = append(targets, kernel.TargetOf(&r.Flow, r.Known))
		}
		return true
	})
	_, _, err = g.service.Delete(g.t.Context(), targets, nil)
	g.must(err)
	g.await(text, 0)
}

// forget empties the table and ends all findings.
func (g *gateway) forget() {
	g.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		// Again and again: connections that end make new flows.
		g.must(g.service.Flush(g.t.Context()))
		if g.read(); g.selected("true") == 0 {
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
	g.must(labtest.AddRule(g.l, nftables.TableFamilyIPv4, table, chain, parts...))
	return func() {
		g.t.Helper()
		g.must(g.l.Gateway.NFT(func(c *nftables.Conn) error {
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
