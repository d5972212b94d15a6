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
// mangle ones stand for AddRule, for what must be before or after the lookup.
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

// NFT runs f with an nftables connection to the gateway and sends what f
// queued.
func (l *Lab) NFT(f func(*nftables.Conn) error) error { return l.Gateway.nft(f) }

func (n *Namespace) nft(f func(*nftables.Conn) error) error {
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

// AddRule puts a rule before the others of a chain of the gateway. Tables are
// "nat" (family ip alone; chains prerouting, output, input, postrouting) and
// "filter" (families ip and ip6; chains raw_prerouting, raw_output,
// mangle_prerouting, mangle_output, input, forward).
func (l *Lab) AddRule(family nftables.TableFamily, table, chain string, parts ...Part) error {
	t := &nftables.Table{Family: family, Name: table}
	return l.NFT(func(c *nftables.Conn) error {
		c.InsertRule(rule(&nftables.Chain{Name: chain, Table: t}, parts...))
		return nil
	})
}

// loadRules loads the gateway's rules, all in one transaction.
func (l *Lab) loadRules() error {
	return l.NFT(func(c *nftables.Conn) error {
		loadNAT(c)
		filter := loadFilter(c, nftables.TableFamilyIPv4)
		if l.IPv6 {
			loadFilter(c, nftables.TableFamilyIPv6)
		}
		if l.cfg.Helpers {
			loadHelper(c, filter)
		}
		return nil
	})
}

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
	c.AddRule(rule(pre, IIf(IfWAN), tcp, Dport(PublishedHTTP.Port()), DNAT(ClientHTTP.Addr(), ClientHTTP.Port())))
	c.AddRule(rule(pre, IIf(IfLAN), tcp, Dport(Redirected.Port()), Redirect(redirectPort)))
	c.AddRule(rule(pre, IIf(IfLAN2), tcp, Dport(Redirected.Port()), Redirect(redirectPort)))
	c.AddRule(rule(chains["output"], OIf("lo"), tcp, Dport(Redirected.Port()), Redirect(redirectPort)))
	c.AddRule(rule(chains["postrouting"], OIf(IfWAN), Masquerade()))
}

// loadFilter makes the filter table of a family. Its one rule does nothing but
// read the state, which turns conntrack on for the family.
func loadFilter(c *nftables.Conn, family nftables.TableFamily) map[string]*nftables.Chain {
	table := c.AddTable(&nftables.Table{Family: family, Name: "filter"})
	chains := addChains(c, table, filterChains)
	c.AddRule(rule(chains["forward"], CtNew(), Accept()))
	return chains
}

// loadHelper makes the FTP helper and gives it to control connections.
func loadHelper(c *nftables.Conn, filter map[string]*nftables.Chain) {
	pre := filter["mangle_prerouting"]
	c.AddObj(&nftables.NamedObj{
		Table: pre.Table, Name: helperName, Type: nftables.ObjTypeCtHelper,
		Obj: &expr.CtHelper{Name: "ftp", L3Proto: unix.NFPROTO_IPV4, L4Proto: unix.IPPROTO_TCP},
	})
	c.AddRule(rule(pre, Proto(unix.IPPROTO_TCP), Dport(ServerFTP.Port()), AssignFTP()))
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
