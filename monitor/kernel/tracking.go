//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// Tracker is a rule or an object of nftables that turns connection tracking on
// in its network namespace: the kernel hooks conntrack in when the first one is
// made, and takes it out with the last. The rules of iptables-nft are rules of
// nftables.
type Tracker struct {
	Family string // nft(8)'s word: ip, ip6, inet, bridge, netdev
	Table  string
	Chain  string // of a rule; the name of an object
	By     string // what does it: "ct", "masq", "xt conntrack", "ct helper"
}

// String returns where it stands and what does it, as nft(8) orders names.
func (t Tracker) String() string {
	return fmt.Sprintf("%s %s %s: %s", t.Family, t.Table, t.Chain, t.By)
}

// Tracking says what turns connection tracking on in a network namespace, as far
// as rules tell: IPVS, Open vSwitch and BPF programs may do it too.
type Tracking struct {
	IPv4, IPv6 bool      // the families that are tracked because of By
	By         []Tracker // the first few
	Count      int       // how many there are

	// Legacy are the tables that iptables-legacy has here. Which rules they
	// have can't be read.
	Legacy []string
}

// maxTrackers bounds Tracking.By.
const maxTrackers = 8

// ReadTracking reads the rules of a network namespace (0: the caller's). A
// kernel without nftables has none.
func ReadTracking(ns int) (t Tracking, err error) {
	conn, err := netns.DialKernel(unix.NETLINK_NETFILTER, ns)
	if err != nil {
		return t, err
	}
	defer conn.Close()
	for _, list := range []struct {
		get, answer uint16
		read        func(*Tracking, string, []byte) error
	}{
		{unix.NFT_MSG_GETRULE, unix.NFT_MSG_NEWRULE, (*Tracking).rule},
		{unix.NFT_MSG_GETOBJ, unix.NFT_MSG_NEWOBJ, (*Tracking).object},
	} {
		msgs, err := conn.Execute(netlink.Message{
			Header: netlink.Header{Type: nftType(list.get), Flags: netlink.Request | netlink.Dump},
			Data:   make([]byte, nfgenmsgLen), // AF_UNSPEC: every family
		})
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
			break // nfnetlink knows no nftables
		}
		if err != nil {
			return t, fmt.Errorf("read rules: %w", netns.Privilege(err))
		}
		for _, m := range msgs {
			if m.Header.Type != nftType(list.answer) || len(m.Data) < nfgenmsgLen {
				continue
			}
			if err := list.read(&t, nftFamily(m.Data[0]), m.Data[nfgenmsgLen:]); err != nil {
				return t, fmt.Errorf("decode rules: %w", err)
			}
		}
	}
	t.Legacy, err = legacyTables(ns)
	return t, err
}

// nfgenmsgLen is the size of struct nfgenmsg, whose first byte is the family.
const nfgenmsgLen = 4

func nftType(msg uint16) netlink.HeaderType {
	return netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | msg)
}

func nftFamily(n byte) string {
	switch n {
	case unix.NFPROTO_INET:
		return "inet"
	case unix.NFPROTO_IPV4:
		return "ip"
	case unix.NFPROTO_IPV6:
		return "ip6"
	case unix.NFPROTO_BRIDGE:
		return "bridge"
	case unix.NFPROTO_NETDEV:
		return "netdev"
	case unix.NFPROTO_ARP:
		return "arp"
	}
	return fmt.Sprint(n)
}

// rule reads NFT_MSG_NEWRULE.
func (t *Tracking) rule(family string, b []byte) error {
	attrs, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return err
	}
	found := Tracker{Family: family}
	for attrs.Next() {
		switch attrs.Type() {
		case unix.NFTA_RULE_TABLE:
			found.Table = attrs.String()
		case unix.NFTA_RULE_CHAIN:
			found.Chain = attrs.String()
		case unix.NFTA_RULE_EXPRESSIONS:
			attrs.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					list.Nested(func(e *netlink.AttributeDecoder) error {
						if by := trackingExpr(e); by != "" && found.By == "" {
							found.By = by
						}
						return nil
					})
				}
				return nil
			})
		}
	}
	t.add(found)
	return attrs.Err()
}

// add counts what turns conntrack on.
func (t *Tracking) add(found Tracker) {
	if found.By == "" {
		return
	}
	t.IPv4 = t.IPv4 || found.Family != "ip6"
	t.IPv6 = t.IPv6 || found.Family != "ip"
	t.Count++
	if len(t.By) < maxTrackers {
		t.By = append(t.By, found)
	}
}

// trackers are the expressions of nftables whose init functions call
// nf_ct_netns_get, each for the family of its table (net/netfilter/nft_*.c), and
// xtTrackers the matches and targets of iptables that do (net/netfilter/xt_*.c).
var (
	trackers   = words("ct nat masq redir connlimit synproxy flow_offload")
	xtTrackers = words("conntrack state connmark connbytes connlabel connlimit cluster helper " +
		"SNAT DNAT MASQUERADE REDIRECT NETMAP CT CONNMARK CONNSECMARK SYNPROXY")
)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(text) {
		set[w] = true
	}
	return set
}

// trackingExpr reads one expression and names it if it turns conntrack on.
func trackingExpr(e *netlink.AttributeDecoder) (by string) {
	name, xt := "", ""
	for e.Next() {
		switch e.Type() {
		case unix.NFTA_EXPR_NAME:
			name = e.String()
		case unix.NFTA_EXPR_DATA:
			if name == "match" || name == "target" {
				e.Nested(func(d *netlink.AttributeDecoder) error {
					for d.Next() {
						if d.Type() == unix.NFTA_MATCH_NAME { // and NFTA_TARGET_NAME
							xt = d.String()
						}
					}
					return nil
				})
			}
		}
	}
	switch {
	case trackers[name]:
		return name
	case xtTrackers[xt]:
		return "xt " + xt
	}
	return ""
}

// ctObjects are the kinds of objects that turn conntrack on.
var ctObjects = map[uint32]string{
	unix.NFT_OBJECT_CT_HELPER:  "ct helper",
	unix.NFT_OBJECT_CONNLIMIT:  "ct count",
	unix.NFT_OBJECT_CT_TIMEOUT: "ct timeout",
	unix.NFT_OBJECT_CT_EXPECT:  "ct expectation",
	unix.NFT_OBJECT_SYNPROXY:   "synproxy",
}

// object reads NFT_MSG_NEWOBJ.
func (t *Tracking) object(family string, b []byte) error {
	attrs, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return err
	}
	found := Tracker{Family: family}
	for attrs.Next() {
		switch attrs.Type() {
		case unix.NFTA_OBJ_TABLE:
			found.Table = attrs.String()
		case unix.NFTA_OBJ_NAME:
			found.Chain = attrs.String()
		case unix.NFTA_OBJ_TYPE:
			if v := attrs.Bytes(); len(v) == 4 {
				found.By = ctObjects[uint32(v[0])<<24|uint32(v[1])<<16|uint32(v[2])<<8|uint32(v[3])]
			}
		}
	}
	t.add(found)
	return attrs.Err()
}

// legacyTables reads which tables iptables-legacy and ip6tables-legacy have.
func legacyTables(ns int) (tables []string, err error) {
	err = netns.Do(ns, func() error {
		for _, f := range []struct{ path, word string }{{"ip_tables_names", "iptables"}, {"ip6_tables_names", "ip6tables"}} {
			text, err := os.ReadFile("/proc/thread-self/net/" + f.path)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				continue // the kernel has none; or they are not ours to see
			}
			if err != nil {
				return err
			}
			for table := range strings.FieldsSeq(string(text)) {
				tables = append(tables, f.word+" "+table)
			}
		}
		return nil
	})
	return tables, err
}
