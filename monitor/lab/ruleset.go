//go:build linux

package lab

import (
	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The gateway's base chains, in a table "nat" (IPv4 only) and a table "filter" of each
// family. The nat chains alone would turn conntrack on; the raw and mangle chains are
// for rules that tests add before or after the lookup.
var (
	natChains = []nftables.Chain{
		{Name: "prerouting", Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityNATDest},
		{Name: "output", Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest},
		{Name: "input", Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityNATSource},
		{Name: "postrouting", Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource},
	}
	filterChains = []nftables.Chain{
		{Name: "raw_prerouting", Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw},
		{Name: "raw_output", Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityRaw},
		{Name: "mangle_prerouting", Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityMangle},
		{Name: "mangle_output", Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityMangle},
		{Name: "input", Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter},
		{Name: "forward", Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter},
	}
)

// addTable adds a table with base chains of one type and returns the chains by name.
func addTable(
	c *nftables.Conn, family nftables.TableFamily, name string, kind nftables.ChainType, chains []nftables.Chain,
) map[string]*nftables.Chain {
	table := c.AddTable(&nftables.Table{Family: family, Name: name})
	added := make(map[string]*nftables.Chain, len(chains))
	for _, chain := range chains {
		chain.Table, chain.Type = table, kind
		added[chain.Name] = c.AddChain(&chain)
	}
	return added
}

// loadRules loads the gateway's rules in one transaction, and then the helpers.
func (l *Lab) loadRules() error {
	var mangle *nftables.Chain
	err := l.Gateway.NFT(func(c *nftables.Conn) error {
		loadNAT(c)
		mangle = loadFilter(c, nftables.TableFamilyIPv4)["mangle_prerouting"]
		if l.IPv6 {
			loadFilter(c, nftables.TableFamilyIPv6)
		}
		return nil
	})
	if err != nil || !l.cfg.Helpers {
		return err
	}
	for i, h := range helpers {
		// Each in its own transaction: the kernel may lack one. FTP is required.
		err := l.Gateway.NFT(func(c *nftables.Conn) error { loadHelper(c, mangle, h); return nil })
		if err != nil && i == 0 {
			return err
		}
		l.helpers[h.name] = err == nil
	}
	return nil
}

// Helps reports whether the gateway assigns the helper, which has the kernel's name.
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
	chains := addTable(c, nftables.TableFamilyIPv4, "nat", nftables.ChainTypeNAT, natChains)
	tcp, pre, to := Proto(unix.IPPROTO_TCP), chains["prerouting"], Dport(Redirected.Port())
	c.AddRule(Rule(pre, IIf(IfWAN), tcp, Dport(PublishedHTTP.Port()), DNAT(ClientHTTP.Addr(), ClientHTTP.Port())))
	c.AddRule(Rule(pre, IIf(IfLAN), tcp, to, Redirect(redirectPort)))
	c.AddRule(Rule(pre, IIf(IfLAN2), tcp, to, Redirect(redirectPort)))
	c.AddRule(Rule(chains["output"], OIf("lo"), tcp, to, Redirect(redirectPort)))
	c.AddRule(Rule(chains["postrouting"], OIf(IfWAN), Masquerade()))
}

// loadFilter adds the filter table of a family. Its one rule only reads the state, which
// turns conntrack on for the family.
func loadFilter(c *nftables.Conn, family nftables.TableFamily) map[string]*nftables.Chain {
	chains := addTable(c, family, "filter", nftables.ChainTypeFilter, filterChains)
	c.AddRule(Rule(chains["forward"], CtNew(), Accept()))
	return chains
}

// helper is assigned to flows to a port of the server.
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

// loadHelper adds a helper and assigns it to control connections.
func loadHelper(c *nftables.Conn, pre *nftables.Chain, h helper) {
	c.AddObj(&nftables.NamedObj{
		Table: pre.Table, Name: h.name, Type: nftables.ObjTypeCtHelper,
		Obj: &expr.CtHelper{Name: h.name, L3Proto: unix.NFPROTO_IPV4, L4Proto: h.proto},
	})
	assign := Part{&expr.Objref{Type: unix.NFT_OBJECT_CT_HELPER, Name: h.name}}
	c.AddRule(Rule(pre, Proto(h.proto), Dport(h.port), assign))
}

// silenceKernel drops the ABORTs that a host's own SCTP sends in answer to packets of
// the lab's raw sockets. The kernel's packets do not have the mark.
func silenceKernel(n *Namespace) error {
	return n.NFT(func(c *nftables.Conn) error {
		output := addTable(c, nftables.TableFamilyINet, "silence", nftables.ChainTypeFilter, []nftables.Chain{
			{Name: "output", Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter},
		})["output"]
		unmarked := Part{
			&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(rawMark)},
		}
		c.AddRule(Rule(output, Proto(unix.IPPROTO_SCTP), unmarked, Drop()))
		return nil
	})
}
