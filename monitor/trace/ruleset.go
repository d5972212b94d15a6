//go:build linux

package trace

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/google/nftables/xt"
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
}

// String returns the chain as nft(8) names it.
func (c *Chain) String() string { return c.Family + " " + c.Table + " " + c.Name }

type ruleText struct{ text, comment string }

type ruleKey struct {
	chain  string
	handle uint64
}

// Rules are the chains and rules of a network namespace when they were read. Use them from one
// goroutine.
type Rules struct {
	chains map[string]Chain
	rules  map[ruleKey]ruleText
	order  map[string][]*nftables.Rule // by chain, in the order of evaluation
	sets   map[string][]nftables.SetElement
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
	rs := &Rules{
		chains: map[string]Chain{}, rules: map[ruleKey]ruleText{}, order: map[string][]*nftables.Rule{},
		sets: map[string][]nftables.SetElement{}, conn: conn,
	}
	err = netns.Do(ns, func() error {
		text, err := exec.Command("nft", "-a", "list", "ruleset").Output()
		rs.noText = err
		rs.read(string(text))
		rs.legacy = legacyTables()
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, c := range chains {
		chain := Chain{
			Family: familyName(uint8(c.Table.Family)), Table: c.Table.Name, Name: c.Name, Type: string(c.Type),
		}
		if c.Hooknum != nil && c.Priority != nil {
			chain.Hook, chain.Prio = hookName(chain.Family, uint32(*c.Hooknum)), int(*c.Priority)
		}
		rs.chains[chain.String()] = chain
		rules, err := conn.GetRules(c.Table, c)
		if err != nil {
			continue // the chain was removed
		}
		rs.order[chain.String()] = rules
		for _, r := range rules {
			key := ruleKey{chain.String(), r.Handle}
			text := rs.rules[key]
			text.comment = commentOf(r)
			if text.text != "" && !strings.Contains(text.text, text.comment) { // nft prints no comment of iptables-nft
				text.text += fmt.Sprintf(" comment %q", text.comment)
			}
			rs.rules[key] = text
		}
	}
	return rs, nil
}

// commentOf returns the comment of a rule, as nft or iptables-nft stores it.
func commentOf(r *nftables.Rule) string {
	for _, e := range r.Exprs {
		if m, ok := e.(*expr.Match); ok {
			if c, ok := m.Info.(*xt.Comment); ok {
				return string(*c)
			}
		}
	}
	text, _ := userdata.GetString(r.UserData, userdata.TypeComment)
	return text
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

// read adds the text of the rules that "nft -a list ruleset" printed. It skips other lines.
func (rs *Rules) read(text string) {
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
			rs.rules[ruleKey{chain, handle}] = ruleText{text: m[1]}
		}
	}
}

// Rules returns the rules of a hook's chains of one type (filter, nat, route), and those of
// all chains without a hook in the same tables, sorted by chain and handle.
func (t *Tracer) Rules(kind, hook string) (all []Step) {
	tables := map[string]bool{}
	for _, c := range t.rules.chains {
		if c.Type == kind && c.Hook == hook {
			tables[c.Family+" "+c.Table] = true
		}
	}
	for key, r := range t.rules.rules {
		c := t.rules.chains[key.chain]
		if c.Type == kind && c.Hook == hook || c.Hook == "" && tables[c.Family+" "+c.Table] {
			all = append(all, Step{Chain: c, Kind: Rule, Handle: key.handle, Text: r.text, Comment: r.comment})
		}
	}
	slices.SortFunc(all, func(a, b Step) int {
		return cmp.Or(strings.Compare(a.Chain.String(), b.Chain.String()), cmp.Compare(a.Handle, b.Handle))
	})
	return all
}

// find returns the chain and the rule of a message. If it does not know one of them, it reads
// the ruleset again. What is unknown then too has only the names in the message.
func (rs *Rules) find(ns int, m *message) (Chain, ruleText) {
	c := Chain{Family: familyName(m.family), Table: m.table, Name: m.chain}
	chain, known := rs.chains[c.String()]
	rule, knownRule := rs.rules[ruleKey{c.String(), m.handle}]
	if !known || m.kind == Rule && m.handle != 0 && !knownRule {
		if again, err := ReadRules(ns); err == nil {
			*rs = *again
			chain, known = rs.chains[c.String()]
			if rule, knownRule = rs.rules[ruleKey{c.String(), m.handle}]; !knownRule && m.kind == Rule {
				rs.rules[ruleKey{c.String(), m.handle}] = rule // do not read again for this rule
			}
		}
	}
	if !known {
		rs.chains[c.String()] = c
		chain = c
	}
	return chain, rule
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
