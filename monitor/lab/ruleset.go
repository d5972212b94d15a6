//go:build linux

package lab

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// chainSpec is one base chain of the gateway.
type chainSpec struct {
	name     string
	kind     nftables.ChainType
	hook     *nftables.ChainHook
	priority *nftables.ChainPriority
}

// The gateway's chains, in a table "nat" (IPv4 alone) and a table "filter" of
// each family. The nat chains alone would do to turn conntrack on; the raw and
// mangle ones are for rules that tests add before or after the lookup.
var (
	natChains = []chainSpec{
		{"prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest},
		{"output", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest},
		{"input", nftables.ChainTypeNAT, nftables.ChainHookInput, nftables.ChainPriorityNATSource},
		{"postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource},
	}
	filterChains = []chainSpec{
		{"raw_prerouting", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw},
		{"raw_output", nftables.ChainTypeFilter, nftables.ChainHookOutput, nftables.ChainPriorityRaw},
		{"mangle_prerouting", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityMangle},
		{"mangle_output", nftables.ChainTypeFilter, nftables.ChainHookOutput, nftables.ChainPriorityMangle},
		{"input", nftables.ChainTypeFilter, nftables.ChainHookInput, nftables.ChainPriorityFilter},
		{"forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter},
	}
)

// NFT runs f with an nftables connection to the namespace and sends what f queued.
func (n *Namespace) NFT(f func(*nftables.Conn) error) error {
	c, err := nftables.New(nftables.WithNetNSFd(n.FD()))
	if err != nil {
		return fmt.Errorf("nftables in %s: %w", n.name, err)
	}
	if err := f(c); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables in %s: %w", n.name, err)
	}
	return nil
}

// loadRules loads the gateway's rules, all in one transaction.
func (l *Lab) loadRules() error {
	l.helpers = make(map[string]bool)
	err := l.Gateway.NFT(func(c *nftables.Conn) error {
		loadNAT(c)
		filter := loadFilter(c, nftables.TableFamilyIPv4)
		if l.IPv6 {
			loadFilter(c, nftables.TableFamilyIPv6)
		}
		if l.cfg.Helpers {
			loadHelper(c, filter["mangle_prerouting"], helpers[0])
		}
		return nil
	})
	if err != nil || !l.cfg.Helpers {
		return err
	}
	l.helpers[helpers[0].name] = true
	pre := &nftables.Chain{Name: "mangle_prerouting", Table: &nftables.Table{Family: nftables.TableFamilyIPv4, Name: "filter"}}
	for _, h := range helpers[1:] {
		// One by one: the kernel may lack one.
		l.helpers[h.name] = l.Gateway.NFT(func(c *nftables.Conn) error { loadHelper(c, pre, h); return nil }) == nil
	}
	return nil
}

// Helps reports whether the gateway gives flows a helper, by the kernel's name for
// it.
func (l *Lab) Helps(name string) bool { return l.helpers[name] }

// loadNAT is, in nft's words:
//
//	table ip nat {
//		chain prerouting {
//			iifname "wan" tcp dport 8080 dnat to 192.168.77.2:80
//			iifname "lan" tcp dport 8081 redirect to :9091
//			iifname "lan2" tcp dport 8081 redirect to :9091
//		}
//		chain output { oifname "lo" tcp dport 8081 redirect to :9091 }
//		chain postrouting { oifname "wan" masquerade }
//	}
func loadNAT(c *nftables.Conn) {
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "nat"})
	chains := addChains(c, table, natChains)
	tcp := Proto(unix.IPPROTO_TCP)
	pre := chains["prerouting"]
	c.AddRule(Rule(pre, IIf(IfWAN), tcp, Dport(PublishedHTTP.Port()), DNAT(ClientHTTP.Addr(), ClientHTTP.Port())))
	c.AddRule(Rule(pre, IIf(IfLAN), tcp, Dport(Redirected.Port()), Redirect(redirectPort)))
	c.AddRule(Rule(pre, IIf(IfLAN2), tcp, Dport(Redirected.Port()), Redirect(redirectPort)))
	c.AddRule(Rule(chains["output"], OIf("lo"), tcp, Dport(Redirected.Port()), Redirect(redirectPort)))
	c.AddRule(Rule(chains["postrouting"], OIf(IfWAN), Masquerade()))
}

// loadFilter makes the filter table of a family. Its one rule does nothing but
// read the state, which turns conntrack on for the family.
func loadFilter(c *nftables.Conn, family nftables.TableFamily) map[string]*nftables.Chain {
	table := c.AddTable(&nftables.Table{Family: family, Name: "filter"})
	chains := addChains(c, table, filterChains)
	c.AddRule(Rule(chains["forward"], CtNew(), Accept()))
	return chains
}

// helper is one that the gateway gives to flows to a port of the server. All labs
// with Config.Helpers have the first.
type helper struct {
	name  string
	proto uint8
	port  uint16
}

var helpers = []helper{
	{"ftp", unix.IPPROTO_TCP, ServerFTP.Port()},
	{"tftp", unix.IPPROTO_UDP, ServerTFTP.Port()},
	{"sip", unix.IPPROTO_UDP, ServerSIP.Port()},
	{"pptp", unix.IPPROTO_TCP, ServerPPTP.Port()},
}

// loadHelper makes a helper and gives it to control connections.
func loadHelper(c *nftables.Conn, pre *nftables.Chain, h helper) {
	c.AddObj(&nftables.NamedObj{
		Table: pre.Table, Name: h.name, Type: nftables.ObjTypeCtHelper,
		Obj: &expr.CtHelper{Name: h.name, L3Proto: unix.NFPROTO_IPV4, L4Proto: h.proto},
	})
	c.AddRule(Rule(pre, Proto(h.proto), Dport(h.port), assignHelper(h.name)))
}

func addChains(c *nftables.Conn, table *nftables.Table, specs []chainSpec) map[string]*nftables.Chain {
	chains := make(map[string]*nftables.Chain, len(specs))
	for _, s := range specs {
		chains[s.name] = c.AddChain(&nftables.Chain{
			Name: s.name, Table: table, Type: s.kind, Hooknum: s.hook, Priority: s.priority,
		})
	}
	return chains
}
