//go:build linux

package labtest

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
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
