//go:build linux

package trace

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// Chain is a chain of nf_tables.
type Chain struct {
	Family string // ip, ip6, inet, …
	Table  string
	Name   string
	Type   string // filter, nat, route; "": no base chain
	Hook   string // prerouting, …; "": no base chain
	Prio   int
	policy int // verdict of a base chain
	rules  int // how many it has
	index  int // in the kernel's list
}

// String returns the chain as nft(8) names it.
func (c *Chain) String() string { return c.Family + " " + c.Table + " " + c.Name }

type ruleKey struct {
	chain  string
	handle uint64
}

// Rules are the chains and rules of a network namespace when they were read. Use them from one
// goroutine.
type Rules struct {
	ns     int
	chains map[string]Chain
	rules  map[ruleKey]*rule
	order  map[string][]*rule // by chain, in the order of evaluation
	sets   map[string][]nftables.SetElement
	routes map[netip.Addr]route
	conn   *nftables.Conn
	noText error // nft(8) can't be run
	legacy []string
}

// ReadRules reads the chains and rules of a network namespace, and the text of the rules if
// nft(8) can be run. ns is the namespace's file descriptor (0: the caller's), and must stay open
// while Rules are used. Without privilege the error wraps netns.ErrPrivilege.
func ReadRules(ns int) (*Rules, error) {
	conn, err := nftables.New(nftables.WithNetNSFd(ns))
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", netns.Privilege(err))
	}
	chains, err := conn.ListChains()
	if err != nil {
		return nil, fmt.Errorf("read chains: %w", netns.Privilege(err))
	}
	rules, err := readRules(ns)
	if err != nil {
		return nil, err
	}
	rs := &Rules{
		ns: ns, chains: map[string]Chain{}, rules: map[ruleKey]*rule{}, order: map[string][]*rule{},
		sets: map[string][]nftables.SetElement{}, routes: map[netip.Addr]route{}, conn: conn,
	}
	texts := map[ruleKey]string{}
	err = netns.Do(ns, func() error {
		text, err := exec.Command("nft", "-a", "list", "ruleset").Output()
		rs.noText = err
		texts = readTexts(string(text))
		rs.legacy = legacyTables()
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, c := range chains {
		chain := Chain{
			Family: familyName(uint8(c.Table.Family)), Table: c.Table.Name, Name: c.Name, Type: string(c.Type),
			index: i,
		}
		if c.Hooknum != nil && c.Priority != nil {
			chain.Hook, chain.Prio = hookName(chain.Family, uint32(*c.Hooknum)), int(*c.Priority)
			if chain.policy = verdictAccept; c.Policy != nil {
				chain.policy = int(*c.Policy)
			}
		}
		rs.chains[chain.String()] = chain
	}
	for _, r := range rules {
		name := r.chain.String()
		chain, ok := rs.chains[name]
		if !ok {
			continue // it is new
		}
		chain.rules++
		rs.chains[name] = chain
		key := ruleKey{name, r.handle}
		r.chain, r.text = chain, texts[key]
		if r.text != "" && !strings.Contains(r.text, r.comment) { // nft prints no comment of iptables-nft
			r.text += fmt.Sprintf(" comment %q", r.comment)
		}
		rs.rules[key], rs.order[name] = r, append(rs.order[name], r)
	}
	return rs, nil
}

// legacyTables returns the tables of iptables-legacy that are loaded in the network namespace
// of the calling thread, such as "iptables nat".
func legacyTables() (names []string) {
	for _, program := range []string{"iptables", "ip6tables"} {
		file := "/proc/thread-self/net/" + strings.Replace(program, "tables", "_tables_names", 1)
		tables, _ := os.ReadFile(file) // absent if the kernel has none
		for _, table := range strings.Fields(string(tables)) {
			names = append(names, program+" "+table)
		}
	}
	return names
}

var (
	tableLine  = regexp.MustCompile(`^table (\S+) (\S+) \{`)
	chainLine  = regexp.MustCompile(`^\tchain (\S+) \{`)
	handleLine = regexp.MustCompile(`^\t\t(.*) # handle (\d+)$`)
)

// readTexts returns the text of the rules that "nft -a list ruleset" printed. It skips other lines.
func readTexts(text string) map[ruleKey]string {
	texts := map[ruleKey]string{}
	table, chain := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := tableLine.FindStringSubmatch(line); m != nil {
			table = m[1] + " " + m[2]
		} else if m := chainLine.FindStringSubmatch(line); m != nil {
			chain = table + " " + m[1]
		} else if m := handleLine.FindStringSubmatch(line); m != nil {
			handle, err := strconv.ParseUint(m[2], 10, 64)
			if err != nil {
				continue
			}
			texts[ruleKey{chain, handle}] = m[1]
		}
	}
	return texts
}

// find returns the chain and the rule of a message; the rule is nil if it is not known. If it does
// not know one of them, it reads the ruleset again.
func (rs *Rules) find(ns int, m *message) (Chain, *rule) {
	c := Chain{Family: familyName(m.family), Table: m.table, Name: m.chain}
	key := ruleKey{c.String(), m.handle}
	chain, known := rs.chains[c.String()]
	r, knownRule := rs.rules[key]
	if !known || m.kind == Rule && m.handle != 0 && !knownRule {
		if again, err := ReadRules(ns); err == nil {
			*rs = *again
			chain, known = rs.chains[c.String()]
			if r, knownRule = rs.rules[key]; !knownRule && m.kind == Rule {
				rs.rules[key] = nil // do not read again for this rule
			}
		}
	}
	if !known {
		rs.chains[c.String()] = c
		chain = c
	}
	return chain, r
}

// familyName returns nft's word for a family (NFPROTO_).
func familyName(family uint8) string {
	switch family {
	case unix.NFPROTO_IPV4:
		return "ip"
	case unix.NFPROTO_IPV6:
		return "ip6"
	case unix.NFPROTO_INET:
		return "inet"
	case unix.NFPROTO_ARP:
		return "arp"
	case unix.NFPROTO_BRIDGE:
		return "bridge"
	case unix.NFPROTO_NETDEV:
		return "netdev"
	}
	return fmt.Sprint("family ", family)
}

// hookName returns nft's word for a hook of a family (enum nf_inet_hooks, nf_dev_hooks, NF_ARP_*).
func hookName(family string, hook uint32) string {
	names := []string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}
	switch family {
	case "netdev":
		names = []string{"ingress", "egress"}
	case "arp":
		names = []string{"input", "output", "forward"}
	}
	if int(hook) < len(names) {
		return names[hook]
	}
	return fmt.Sprint("hook ", hook)
}
