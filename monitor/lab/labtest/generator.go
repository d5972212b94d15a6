//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
)

// The generator's addresses, of the range for benchmarks (RFC 2544).
var (
	// Sources are 198.18.0.1 plus GenConfig.Base, all of them local.
	generatorSrc = netip.MustParseAddr("198.18.0.1")
	generatorDst = netip.MustParseAddr("198.18.10.2")
	// GeneratorSNAT is the source that GeneratorConfig.SNAT translates to.
	GeneratorSNAT = netip.MustParseAddr("198.18.1.1")
)

// GeneratorConfig configures conntrack for the generated flows. The zero value is the
// kernel's defaults and no NAT.
type GeneratorConfig struct {
	SNAT    bool              // translate the source to GeneratorSNAT
	Sysctls map[string]string // by sysctl(8)'s names without net.netfilter.nf_conntrack_
}

// Generator makes many new flows in its own namespace: UDP packets that leave by an ifb
// device, which drops them after POSTROUTING. conntrack has confirmed their flows by
// then. There is no answer and no ICMP error; that is three times as fast as loopback.
type Generator struct {
	ns *lab.Namespace
}

// NewGenerator makes the namespace. nf_conntrack_max must allow the flows: see HoldMax.
func NewGenerator(cfg GeneratorConfig) (*Generator, error) {
	ns, err := lab.NewNamespace("generator")
	if err != nil {
		return nil, err
	}
	g := &Generator{ns: ns}
	err = errors.Join(g.wire(), g.loadRules(cfg.SNAT))
	for name, value := range cfg.Sysctls {
		err = errors.Join(err, ns.WriteSysctl("net.netfilter.nf_conntrack_"+name, value))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("generator: %w", err), g.Close())
	}
	return g, nil
}

// Namespace returns the namespace of the flows, for listeners.
func (g *Generator) Namespace() *lab.Namespace { return g.ns }

// Close removes the namespace and its flows. There are no DESTROY events.
func (g *Generator) Close() error { return g.ns.Close() }

func (g *Generator) wire() error {
	h, err := g.ns.Routes()
	if err != nil {
		return err
	}
	defer h.Close()
	sink := &netlink.Ifb{LinkAttrs: netlink.LinkAttrs{Name: "sink", Index: 11}}
	addr, _ := netlink.ParseAddr("198.18.0.1/15")
	sources, _ := netlink.ParseIPNet("198.18.0.0/24")
	local := &netlink.Route{ // instead of an address for each source
		LinkIndex: sink.Attrs().Index, Dst: sources,
		Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST,
	}
	for _, step := range []func() error{
		func() error { return h.LinkAdd(sink) },
		func() error { return h.LinkSetUp(sink) },
		func() error { return h.AddrAdd(sink, addr) },
		func() error { return h.RouteAdd(local) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("ifb device: %w", err)
		}
	}
	return nil
}

// loadRules turns conntrack on with one rule, and adds the rule of SNAT.
func (g *Generator) loadRules(snat bool) error {
	return g.ns.NFT(func(c *nftables.Conn) error {
		filter := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "filter"})
		output := lab.Chain(c, filter, nftables.ChainTypeFilter, "output",
			nftables.ChainHookOutput, nftables.ChainPriorityFilter)
		c.AddRule(lab.Rule(output, lab.CtNew(), lab.Accept()))
		if !snat {
			return nil
		}
		nat := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "nat"})
		postrouting := lab.Chain(c, nat, nftables.ChainTypeNAT, "postrouting",
			nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
		c.AddRule(lab.Rule(postrouting, lab.OIf("sink"), SNAT(GeneratorSNAT, 0, 0, false)))
		return nil
	})
}

// A run uses one source port after the other:
//
//	198.18.0.1+Base:20000 ─▶ 198.18.10.2:1000 … :13799
//	198.18.0.1+Base:20001 ─▶ 198.18.10.2:1000 … :13799
//	…
const (
	firstSport     = 20000
	firstDport     = 1000
	flowsPerSource = 12800
	batchSize      = 64 // packets per system call; divides flowsPerSource
)

// GenConfig describes the flows to make.
type GenConfig struct {
	Flows int // number of flows, at most 582,860,800
	Rate  int // flows a second; 0 is full speed
	// Base, 0 to 253, is added to the source address. Runs with different bases make
	// different flows.
	Base int
}

// Made is the result of a run.
type Made struct {
	// Flows is the number of packets that the kernel accepted. Each made a new flow, if
	// its tuple was not in the table.
	Flows int
	// Refused is the number of packets that the kernel dropped, because the conntrack
	// table or a buffer was full.
	Refused int
	Elapsed time.Duration
}

func (m *Made) tried() int { return m.Flows + m.Refused }

// Generate makes flows until all are made or ctx ends. Then the error is ctx's, and Made
// counts the flows so far.
func (g *Generator) Generate(ctx context.Context, cfg GenConfig) (made Made, err error) {
	start := time.Now()
	for sport := firstSport; made.tried() < cfg.Flows && err == nil; sport++ {
		err = g.fromPort(ctx, cfg, sport, start, &made)
	}
	made.Elapsed = time.Since(start)
	if err != nil {
		return made, fmt.Errorf("generate: %w", err)
	}
	return made, nil
}

// fromPort makes the flows of one source port.
func (g *Generator) fromPort(ctx context.Context, cfg GenConfig, sport int, start time.Time, made *Made) error {
	src := generatorSrc.As4()
	src[3] += byte(cfg.Base)
	var conn *net.UDPConn
	err := g.ns.Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: src[:], Port: sport})
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	to := ipv4.NewPacketConn(conn)
	batch := make([]ipv4.Message, batchSize)
	addrs := make([]net.UDPAddr, batchSize)
	for i := range batch {
		addrs[i].IP = generatorDst.AsSlice()
		batch[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 8)}, Addr: &addrs[i]}
	}
	for dport := firstDport; dport < firstDport+flowsPerSource && made.tried() < cfg.Flows; dport += batchSize {
		n := min(batchSize, cfg.Flows-made.tried())
		for i := range n {
			addrs[i].Port = dport + i
		}
		if err := send(to, batch[:n], made); err != nil {
			return err
		}
		if err := pace(ctx, cfg.Rate, made.tried(), start); err != nil {
			return err
		}
	}
	return nil
}

// send sends the packets. It skips those that the kernel refuses.
func send(conn *ipv4.PacketConn, batch []ipv4.Message, made *Made) error {
	for len(batch) > 0 {
		n, err := conn.WriteBatch(batch, 0)
		switch {
		case err == nil:
			made.Flows += n
		case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOBUFS): // EPERM: conntrack's table is full
			n = 1
			made.Refused++
		default:
			return err
		}
		batch = batch[n:]
	}
	return nil
}

// pace waits until n flows are due at the rate.
func pace(ctx context.Context, rate, n int, start time.Time) error {
	if rate > 0 {
		due := time.Duration(float64(n) / float64(rate) * float64(time.Second))
		if ahead := due - time.Since(start); ahead > time.Millisecond {
			select {
			case <-ctx.Done():
			case <-time.After(ahead):
			}
		}
	}
	return ctx.Err()
}

// Inhabited is a network namespace with a process in it, by which --netns all finds it, and flows from
// one address of its own.
type Inhabited struct {
	*Generator
	Name   string // of the namespace
	Source string // the address
	base   int
}

// NewInhabited makes such a namespace for the test. Its address is 198.18.0.1 plus base. Its flows live
// for ten minutes: --netns all may read large tables of others first.
func NewInhabited(t testing.TB, base int) *Inhabited {
	t.Helper()
	g, err := NewGenerator(GeneratorConfig{SNAT: true, Sysctls: map[string]string{"udp_timeout": "600"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return &Inhabited{g, Inhabit(t, g.Namespace()), fmt.Sprintf("198.18.0.%d", 1+base), base}
}

// Inhabit starts a process in a namespace for the test, and returns the name that the namespace has by it.
func Inhabit(t testing.TB, ns *lab.Namespace) (name string) {
	t.Helper()
	sleeper := exec.Command("sleep", "600")
	if err := ns.Do(sleeper.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sleeper.Process.Kill(); sleeper.Wait() })
	return fmt.Sprintf("pid:%d", sleeper.Process.Pid)
}

// Flows makes n flows.
func (p *Inhabited) Flows(t testing.TB, n int) {
	t.Helper()
	if _, err := p.Generate(t.Context(), GenConfig{Flows: n, Base: p.base}); err != nil {
		t.Fatal(err)
	}
}

// Unanswered opens n connections from the client to port 81 of an address that does not answer.
func Unanswered(t testing.TB, l *lab.Lab, n uint16) {
	t.Helper()
	for i := range n {
		to := lab.TCP{Local: netip.AddrPortFrom(netip.Addr{}, 30000+i), To: netip.AddrPortFrom(lab.Blackhole, 81)}
		if _, err := l.SYNOnce(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
}
