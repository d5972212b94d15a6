//go:build linux

package lab

import (
	"errors"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Chain adds a base chain to c.
func Chain(
	c *nftables.Conn, t *nftables.Table, kind nftables.ChainType,
	name string, hook *nftables.ChainHook, priority *nftables.ChainPriority,
) *nftables.Chain {
	return c.AddChain(&nftables.Chain{Table: t, Name: name, Type: kind, Hooknum: hook, Priority: priority})
}

// loadRules loads the gateway's rules and the helper. They are, in nft's words:
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
//	table ip filter {  # ip6 as well
//		chain raw_prerouting { }
//		chain mangle_prerouting { tcp dport 21 ct helper set "ftp" }
//		chain forward { ct state new accept }
//	}
//
// The rule of forward turns conntrack on for its family. The raw and mangle chains are
// for rules that tests add before or after the lookup.
func (l *Lab) loadRules() error {
	err := l.Gateway.NFT(func(c *nftables.Conn) error {
		loadNAT(c)
		loadFilter(c, nftables.TableFamilyIPv4)
		if l.IPv6 {
			loadFilter(c, nftables.TableFamilyIPv6)
		}
		return nil
	})
	if err != nil || !l.cfg.Helpers {
		return err
	}
	return l.Assign("ftp", unix.IPPROTO_TCP, ServerFTP.Port())
}

// Assign makes a helper of the gateway, by the kernel's name, read the packets to a port.
// The kernel may lack the helper.
func (l *Lab) Assign(helper string, proto uint8, port uint16) error {
	return l.Gateway.NFT(func(c *nftables.Conn) error {
		t := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: "filter"}
		c.AddObj(&nftables.NamedObj{
			Table: t, Name: helper, Type: nftables.ObjTypeCtHelper,
			Obj: &expr.CtHelper{Name: helper, L3Proto: unix.NFPROTO_IPV4, L4Proto: proto},
		})
		assign := Part{&expr.Objref{Type: unix.NFT_OBJECT_CT_HELPER, Name: helper}}
		c.AddRule(Rule(&nftables.Chain{Name: "mangle_prerouting", Table: t}, Proto(proto), Dport(port), assign))
		return nil
	})
}

func loadNAT(c *nftables.Conn) {
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "nat"})
	const kind = nftables.ChainTypeNAT
	pre := Chain(c, t, kind, "prerouting", nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest)
	out := Chain(c, t, kind, "output", nftables.ChainHookOutput, nftables.ChainPriorityNATDest)
	post := Chain(c, t, kind, "postrouting", nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	tcp, redirected, redirect := Proto(unix.IPPROTO_TCP), Dport(Redirected.Port()), Redirect(redirectPort)
	c.AddRule(Rule(pre, IIf(IfWAN), tcp, Dport(PublishedHTTP.Port()), DNAT(ClientHTTP.Addr(), ClientHTTP.Port())))
	c.AddRule(Rule(pre, IIf(IfLAN), tcp, redirected, redirect))
	c.AddRule(Rule(pre, IIf(IfLAN2), tcp, redirected, redirect))
	c.AddRule(Rule(out, OIf("lo"), tcp, redirected, redirect))
	c.AddRule(Rule(post, OIf(IfWAN), Masquerade()))
}

// loadFilter adds the filter table of a family.
func loadFilter(c *nftables.Conn, family nftables.TableFamily) {
	t := c.AddTable(&nftables.Table{Family: family, Name: "filter"})
	const kind = nftables.ChainTypeFilter
	pre := nftables.ChainHookPrerouting
	Chain(c, t, kind, "raw_prerouting", pre, nftables.ChainPriorityRaw)
	Chain(c, t, kind, "mangle_prerouting", pre, nftables.ChainPriorityMangle)
	forward := Chain(c, t, kind, "forward", nftables.ChainHookForward, nftables.ChainPriorityFilter)
	c.AddRule(Rule(forward, CtNew(), Accept()))
}

// silenceKernel drops the ABORTs that the kernel's own SCTP sends in answer to packets
// of the lab's raw sockets, which send none.
func silenceKernel(hosts ...*Namespace) (err error) {
	const kindOffset, abort = 12, 6
	for _, n := range hosts {
		err = errors.Join(err, n.NFT(func(c *nftables.Conn) error {
			t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "silence"})
			output := Chain(c, t, nftables.ChainTypeFilter, "output",
				nftables.ChainHookOutput, nftables.ChainPriorityFilter)
			c.AddRule(Rule(output, Proto(unix.IPPROTO_SCTP), Transport(kindOffset, abort), Drop()))
			return nil
		}))
	}
	return err
}

// Part is one piece of a rule, a match or a statement: what nft(8) writes in one or two
// words. A rule is a list of parts.
type Part []expr.Any

// Rule returns a rule of a chain. It is not added yet.
func Rule(c *nftables.Chain, parts ...Part) *nftables.Rule {
	r := &nftables.Rule{Table: c.Table, Chain: c}
	for _, p := range parts {
		r.Exprs = append(r.Exprs, p...)
	}
	return r
}

// Match matches packets for which load puts data into register 1.
func Match(load expr.Any, data []byte) Part {
	return Part{load, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data}}
}

// With puts each argument into a register, from register 1 on, and executes the statement.
func With(statement expr.Any, args ...[]byte) Part {
	var p Part
	for i, data := range args {
		p = append(p, &expr.Immediate{Register: uint32(i + 1), Data: data})
	}
	return append(p, statement)
}

// IIf matches packets that arrived on the interface: iifname "lan".
func IIf(name string) Part { return metaName(expr.MetaKeyIIFNAME, name) }

// OIf matches packets that leave on the interface: oifname "wan".
func OIf(name string) Part { return metaName(expr.MetaKeyOIFNAME, name) }

func metaName(key expr.MetaKey, name string) Part {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return Match(&expr.Meta{Key: key, Register: 1}, padded)
}

// Proto matches the transport protocol: meta l4proto 17.
func Proto(p byte) Part { return Match(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, []byte{p}) }

// Transport matches bytes at an offset of the transport header. Put Proto before it.
func Transport(offset uint32, data ...byte) Part {
	return Match(&expr.Payload{
		DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: uint32(len(data)),
	}, data)
}

// Dport matches the destination port of TCP, UDP, UDPLITE and SCTP. Put Proto before it.
func Dport(port uint16) Part { return Transport(2, binaryutil.BigEndian.PutUint16(port)...) }

// CtNew matches packets that start a flow: ct state new.
func CtNew() Part {
	return Part{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{
			SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitNEW), Xor: make([]byte, 4),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// Accept accepts the packet.
func Accept() Part { return Part{&expr.Verdict{Kind: expr.VerdictAccept}} }

// Drop drops the packet without an answer.
func Drop() Part { return Part{&expr.Verdict{Kind: expr.VerdictDrop}} }

// Masquerade translates the source to the outgoing interface's address.
func Masquerade() Part { return Part{&expr.Masq{}} }

// DNAT translates the destination to an IPv4 address and port.
func DNAT(to netip.Addr, port uint16) Part {
	return With(&expr.NAT{
		Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4,
		RegAddrMin: 1, RegProtoMin: 2, RegProtoMax: 2, Specified: true,
	}, to.AsSlice(), binaryutil.BigEndian.PutUint16(port))
}

// Redirect translates the destination to a port of this host.
func Redirect(port uint16) Part {
	return With(&expr.Redir{RegisterProtoMin: 1}, binaryutil.BigEndian.PutUint16(port))
}
