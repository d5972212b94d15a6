//go:build linux

package labtest

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"time"

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
	Acct      bool // nf_conntrack_acct
	Timestamp bool // nf_conntrack_timestamp
	SNAT      bool // translate the source to GeneratorSNAT

	// UDPTimeout is the timeout of unreplied flows in whole seconds; 0 is the kernel's
	// 30 s. Garbage collection runs on the kernel's own schedule.
	UDPTimeout time.Duration

	// Sysctls are written as well, by sysctl(8)'s names.
	Sysctls map[string]string
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
	err = g.wire()
	if err == nil {
		err = g.loadRules(cfg.SNAT)
	}
	if err == nil {
		err = g.tune(cfg)
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
	if err := h.LinkAdd(sink); err != nil {
		return fmt.Errorf("add ifb device: %w", err)
	}
	if err := h.LinkSetUp(sink); err != nil {
		return fmt.Errorf("sink up: %w", err)
	}
	addr, err := netlink.ParseAddr("198.18.0.1/15")
	if err != nil {
		return err
	}
	if err := h.AddrAdd(sink, addr); err != nil {
		return fmt.Errorf("address %s: %w", addr, err)
	}
	// A local route instead of an address for each source.
	dst, err := netlink.ParseIPNet("198.18.0.0/24")
	if err != nil {
		return err
	}
	local := &netlink.Route{
		LinkIndex: sink.Attrs().Index, Dst: dst,
		Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST,
	}
	if err := h.RouteAdd(local); err != nil {
		return fmt.Errorf("local route %s: %w", dst, err)
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

func (g *Generator) tune(cfg GeneratorConfig) error {
	const prefix = "net.netfilter.nf_conntrack_"
	onOff := map[bool]string{false: "0", true: "1"}
	chosen := map[string]string{prefix + "acct": onOff[cfg.Acct], prefix + "timestamp": onOff[cfg.Timestamp]}
	if cfg.UDPTimeout > 0 {
		chosen[prefix+"udp_timeout"] = fmt.Sprint(int(cfg.UDPTimeout.Seconds()))
	}
	maps.Copy(chosen, cfg.Sysctls)
	for name, value := range chosen {
		if err := g.ns.WriteSysctl(name, value); err != nil {
			return err
		}
	}
	return nil
}
