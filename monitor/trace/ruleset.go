//go:build linux

package trace

import (
	"fmt"
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
}

// String returns the chain as nft(8) names it.
func (c *Chain) String() string { return c.Family + " " + c.Table + " " + c.Name }

type ruleText struct{ text, comment string }

type ruleKey struct {
	chain  string
	handle uint64
}

// ruleset is what the messages name: chains and rules.
type ruleset struct {
	chains map[string]Chain
	rules  map[ruleKey]ruleText
	noText error // nft(8) can't be run
}

// readRules reads the chains of a network namespace, and the text of their rules if nft(8)
// is there.
func readRules(ns int) (*ruleset, error) {
	conn, err := nftables.New(nftables.WithNetNSFd(ns))
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", netns.Privilege(err))
	}
	chains, err := conn.ListChains()
	if err != nil {
		return nil, fmt.Errorf("read chains: %w", netns.Privilege(err))
	}
	rs := &ruleset{chains: map[string]Chain{}, rules: map[ruleKey]ruleText{}}
	for _, c := range chains {
		chain := Chain{
			Family: familyName(uint8(c.Table.Family)), Table: c.Table.Name, Name: c.Name, Type: string(c.Type),
		}
		if c.Hooknum != nil && c.Priority != nil {
			chain.Hook, chain.Prio = hookName(uint32(*c.Hooknum)), int(*c.Priority)
		}
		rs.chains[chain.String()] = chain
	}
	var text []byte
	rs.noText = netns.Do(ns, func() (err error) {
		text, err = exec.Command("nft", "-a", "list", "ruleset").Output()
		return err
	})
	rs.read(string(text))
	return rs, nil
}

var (
	tableLine   = regexp.MustCompile(`^table (\S+) (\S+) \{`)
	chainLine   = regexp.MustCompile(`^\tchain (\S+) \{`)
	handleLine  = regexp.MustCompile(`^\t\t(.*) # handle (\d+)$`)
	commentText = regexp.MustCompile(`comment "([^"]*)"`)
)

// read reads what nft -a list ruleset prints.
func (rs *ruleset) read(text string) {
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
			r := ruleText{text: m[1]}
			if c := commentText.FindStringSubmatch(m[1]); c != nil {
				r.comment = c[1]
			}
			rs.rules[ruleKey{chain, handle}] = r
		}
	}
}

// find returns the chain and the rule of a message. If they are new, it reads all again.
func (rs *ruleset) find(ns int, m *message) (Chain, ruleText) {
	c := Chain{Family: familyName(m.family), Table: m.table, Name: m.chain}
	chain, known := rs.chains[c.String()]
	rule, knownRule := rs.rules[ruleKey{c.String(), m.handle}]
	if !known || m.kind == Rule && m.handle != 0 && !knownRule {
		if again, err := readRules(ns); err == nil {
			*rs = *again
			chain, known = rs.chains[c.String()]
			if rule, knownRule = rs.rules[ruleKey{c.String(), m.handle}]; !knownRule && m.kind == Rule {
				rs.rules[ruleKey{c.String(), m.handle}] = rule // not again
			}
		}
	}
	if !known {
		rs.chains[c.String()] = c
		chain = c
	}
	return chain, rule
}

// familyName returns nft's word.
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

// hookName returns nft's word (enum nf_inet_hooks).
func hookName(hook uint32) string {
	names := []string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}
	if int(hook) < len(names) {
		return names[hook]
	}
	return fmt.Sprint("hook ", hook)
}
