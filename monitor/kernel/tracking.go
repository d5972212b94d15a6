//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// maxTrackers is the maximum length of Tracking.By.
const maxTrackers = 8

// ReadTracking reads the rules of a network namespace (0: the caller's). The kernel turns
// conntrack on with the first nftables rule or object that needs it, and off with the last. Rules
// of iptables-nft are nftables rules. A kernel without nftables has no rules.
func ReadTracking(ns int) (t monitor.Tracking, err error) {
	conn, err := nftables.New(nftables.WithNetNSFd(ns), nftables.AsLasting(), rulesOnlyKernel)
	if err != nil {
		return t, fmt.Errorf("open netlink socket: %w", netns.Privilege(err))
	}
	defer conn.CloseLasting()
	err = readRules(&t, conn)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOPNOTSUPP) { // without nftables in nfnetlink
		return t, fmt.Errorf("read rules: %w", netns.Privilege(err))
	}
	t.Legacy, err = legacyTables(ns)
	return t, err
}

// rulesOnlyKernel makes the library's socket accept only the kernel's answers.
var rulesOnlyKernel = nftables.WithSockOptions(netns.OnlyKernel)

func readRules(t *monitor.Tracking, conn *nftables.Conn) error {
	tables, err := conn.ListTables()
	if err != nil {
		return err
	}
	chains, err := conn.ListChains()
	if err != nil {
		return err
	}
	for _, chain := range chains {
		rules, err := conn.GetRules(chain.Table, chain)
		if err != nil {
			return err
		}
		for _, rule := range rules {
			for _, e := range rule.Exprs {
				if by := trackingExpr(e); by != "" {
					addTracker(t, chain.Table, chain.Name, by)
					break
				}
			}
		}
	}
	for _, table := range tables {
		objects, err := conn.GetNamedObjects(table)
		if err != nil {
			continue // of a kind that the library does not have
		}
		for _, o := range objects {
			if o, ok := o.(*nftables.NamedObj); ok && ctObjects[o.Type] != "" {
				addTracker(t, table, o.Name, ctObjects[o.Type])
			}
		}
	}
	return nil
}

// add counts a rule or object that turns conntrack on.
func addTracker(t *monitor.Tracking, table *nftables.Table, name, by string) {
	t.IPv4 = t.IPv4 || table.Family != nftables.TableFamilyIPv6
	t.IPv6 = t.IPv6 || table.Family != nftables.TableFamilyIPv4
	t.Count++
	if len(t.By) < maxTrackers {
		text := fmt.Sprintf("%s %s %s: %s", familyWords[table.Family], table.Name, name, by)
		t.By = append(t.By, monitor.Escape(text))
	}
}

// familyWords are nft(8)'s words.
var familyWords = map[nftables.TableFamily]string{
	nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet",
	nftables.TableFamilyBridge: "bridge", nftables.TableFamilyNetdev: "netdev", nftables.TableFamilyARP: "arp",
}

// xtTrackers are the matches and targets of iptables that call nf_ct_netns_get
// (net/netfilter/xt_*.c).
var xtTrackers = strings.Fields("conntrack state connmark connbytes connlabel connlimit cluster helper " +
	"SNAT DNAT MASQUERADE REDIRECT NETMAP CT CONNMARK CONNSECMARK SYNPROXY")

// trackingExpr returns the name of an expression whose init function calls nf_ct_netns_get for
// the family of its table (net/netfilter/nft_*.c), or "".
func trackingExpr(e expr.Any) (by string) {
	xt := ""
	switch e := e.(type) {
	case *expr.Ct:
		return "ct"
	case *expr.NAT:
		return "nat"
	case *expr.Masq:
		return "masq"
	case *expr.Redir:
		return "redir"
	case *expr.Connlimit:
		return "connlimit"
	case *expr.SynProxy:
		return "synproxy"
	case *expr.FlowOffload:
		return "flow_offload"
	case *expr.Match:
		xt = e.Name
	case *expr.Target:
		xt = e.Name
	}
	if slices.Contains(xtTrackers, xt) {
		return "xt " + xt
	}
	return ""
}

// ctObjects are the kinds of objects that turn conntrack on.
var ctObjects = map[nftables.ObjType]string{
	nftables.ObjTypeCtHelper:  "ct helper",
	nftables.ObjTypeConnLimit: "ct count",
	nftables.ObjTypeCtTimeout: "ct timeout",
	nftables.ObjTypeCtExpect:  "ct expectation",
	nftables.ObjTypeSynProxy:  "synproxy",
}

// legacyTables reads which tables iptables-legacy and ip6tables-legacy have.
func legacyTables(ns int) (tables []string, err error) {
	err = netns.Do(ns, func() error {
		for _, f := range []struct{ path, word string }{{"ip_tables_names", "iptables"}, {"ip6_tables_names",
			"ip6tables"}} {
			text, err := os.ReadFile("/proc/thread-self/net/" + f.path)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				continue // the kernel has none, or this process may not read it
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
