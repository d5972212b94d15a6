//go:build linux

package trace

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
	"natlens/monitor/netns"
)

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
	noText error    // why the rules have no text: nft(8) can't be run
	legacy []string // loaded tables of iptables-legacy, such as "iptables nat", whose rules the kernel does not trace
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

// baseChains returns the base chains at a hook, in the order in which packets of the family pass
// them: of those with the same priority the newest first. It omits those of a Tracer.
func (rs *Rules) baseChains(hook monitor.Hook, family byte) (all []Chain) {
	for _, c := range rs.chains {
		h, ok := hooks[c.Hook]
		ok = ok && h == hook && !strings.HasPrefix(c.Table, tablePrefix)
		if ok && (c.Family == "inet" || c.Family == familyName(family)) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Chain) int {
		return cmp.Or(cmp.Compare(a.Prio, b.Prio), cmp.Compare(b.index, a.index))
	})
	return all
}

// elements returns the elements of a set of the rule's table, sorted by key, and whether the set can be read. It
// reads each set once.
func (rs *Rules) elements(r *rule, name string) ([]nftables.SetElement, bool) {
	t := &nftables.Table{Family: nftables.TableFamily(r.family), Name: r.chain.Table}
	key := r.chain.Family + " " + t.Name + " " + name
	all, read := rs.sets[key]
	if !read {
		var err error
		if all, err = rs.conn.GetSetElements(&nftables.Set{Table: t, Name: name}); err != nil {
			return nil, false
		}
		slices.SortFunc(all, func(a, b nftables.SetElement) int { return slices.Compare(a.Key, b.Key) })
		rs.sets[key] = all
	}
	return all, true
}

// route is the route to an address, as the host has it now.
type route struct {
	device
	kind uint8 // RTN_; 0: no route
}

// route returns the route to an address.
func (rs *Rules) route(to netip.Addr) route {
	r, read := rs.routes[to]
	if read {
		return r
	}
	r.device = device{unknown(4), unknown(unix.IFNAMSIZ)}
	_ = netns.Do(rs.ns, func() error { // on an error the interface is not known
		all, err := netlink.RouteGet(to.AsSlice())
		if err != nil || len(all) == 0 {
			return err
		}
		r.kind = uint8(all[0].Type)
		link, err := netlink.LinkByIndex(all[0].LinkIndex)
		if err == nil {
			name := append([]byte(link.Attrs().Name), make([]byte, unix.IFNAMSIZ)...)[:unix.IFNAMSIZ]
			r.device = device{assume(word(uint32(all[0].LinkIndex))...), assume(name...)}
		}
		return err
	})
	rs.routes[to] = r
	return r
}
