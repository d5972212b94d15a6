//go:build linux

package trace

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// Probable returns for each rewrite of a flow the rule of a nat chain that probably made it: the
// first one that matches the flow's first packet and gives that result. If no rule does, the
// decision's text is the reason. The result is not certain: a flow does not have all that a
// rule can compare (interfaces, marks, earlier elements of sets), and rules may have changed
// since the flow began.
func (rs *Rules) Probable(w *monitor.Walk) (all []monitor.Decision) {
	for i := range w.Original.Steps {
		s := &w.Original.Steps[i]
		if s.Rewrite == nil || w.NAT.NoBits || w.Flow.Status.Has(monitor.Expected) {
			continue // not by a rule
		}
		d := monitor.Decision{Hook: s.Hook, Text: "no rule of the nat chains gives this result now", Probable: true}
		if len(rs.legacy) > 0 {
			d.Text = "no rule of nf_tables gives this result; iptables-legacy has tables too, which natlens cannot read"
		}
		e := evaluation{rules: rs, walk: w, rewrite: s.Rewrite, packet: packetOf(w, s)}
		for _, c := range rs.natChains(s.Hook, w.Flow.Orig.Family) {
			e.visited = map[string]bool{}
			if r, _ := e.chain(c.String()); r != nil {
				chain := rs.chains[chainOf(r)]
				text := rs.rules[ruleKey{chain.String(), r.Handle}]
				found := Step{Chain: chain, Kind: Rule, Handle: r.Handle, Text: text.text, Comment: text.comment}
				d.Text = "probable " + found.name()
				break
			}
		}
		all = append(all, d)
	}
	return all
}

// natChains returns the base chains of type nat at a hook, in the order in which packets of the
// family pass them.
func (rs *Rules) natChains(hook monitor.Hook, family monitor.Family) (all []Chain) {
	for _, c := range rs.chains {
		if h, ok := hooks[c.Hook]; ok && h == hook && c.Type == "nat" &&
			(c.Family == "inet" || (c.Family == "ip6") == (family == monitor.IPv6)) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Chain) int {
		return cmp.Or(cmp.Compare(a.Prio, b.Prio), strings.Compare(a.String(), b.String()))
	})
	return all
}

func chainOf(r *nftables.Rule) string { return chainName(r, r.Chain.Name) }

func chainName(r *nftables.Rule, name string) string {
	c := Chain{Family: familyName(uint8(r.Table.Family)), Table: r.Table.Name, Name: name}
	return c.String()
}

// evaluation evaluates the rules of nat chains for one packet, to find the rule that can have
// made a rewrite.
type evaluation struct {
	rules   *Rules
	walk    *monitor.Walk
	rewrite *monitor.Rewrite
	packet  packetBytes
	visited map[string]bool
}

// ending is where evaluation continues after a rule or chain.
type ending uint8

const (
	next  ending = iota // at the next rule
	leave               // after the rule that jumped to this chain
	stop                // nowhere: the base chain ends
)

// chain evaluates a chain, and the chains to which it jumps. It returns the rule that gives
// the result, or nil and where evaluation continues.
func (e *evaluation) chain(name string) (*nftables.Rule, ending) {
	if e.visited[name] { // it was evaluated before, and has no such rule
		return nil, next
	}
	e.visited[name] = true
	for _, r := range e.rules.order[name] {
		if found, end := e.rule(r, r.Exprs, registers{}.unknown(), true); found != nil || end != next {
			return found, end
		}
	}
	return nil, next
}

// rule evaluates expressions of a rule. sure is true if all expressions before them match for
// certain. A verdict ends the chain only then.
func (e *evaluation) rule(r *nftables.Rule, exprs []expr.Any, regs registers, sure bool) (*nftables.Rule, ending) {
	for i, x := range exprs {
		matches := yes
		switch x := x.(type) {
		case *expr.Meta:
			regs.load(x.Register, e.packet.meta(x), x.SourceRegister)
		case *expr.Payload:
			regs.load(x.DestRegister, e.packet.payload(x), x.DestRegister == 0)
		case *expr.Ct:
			regs.load(x.Register, ct(x), x.SourceRegister)
		case *expr.Immediate:
			regs.load(x.Register, known(x.Data), false)
		case *expr.Bitwise:
			regs.bitwise(x)
		case *expr.Cmp:
			matches = regs.compare(x)
		case *expr.Range:
			matches = regs.within(x.Register, x.FromData, x.ToData).negated(x.Op == expr.CmpOpNeq)
		case *expr.Lookup:
			return e.lookup(r, exprs[i+1:], x, regs, sure)
		case *expr.NAT, *expr.Masq, *expr.Redir, *expr.Target:
			if e.rewrites(x, &regs) {
				return r, stop
			}
			return nil, next // the rule did not match, or is newer than the flow
		case *expr.Verdict:
			return e.verdict(r, int32(x.Kind), x.Chain, sure)
		case *expr.Counter, *expr.Log:
		case *expr.Match:
			if x.Name != "comment" {
				matches = maybe
			}
		default:
			matches, regs = maybe, regs.unknown()
		}
		if matches == no {
			return nil, next
		}
		sure = sure && matches == yes
	}
	return nil, next
}

// verdict evaluates the chain of a jump or goto, and returns where evaluation continues after
// the verdict: at the next rule if sure is false.
func (e *evaluation) verdict(r *nftables.Rule, code int32, chain string, sure bool) (*nftables.Rule, ending) {
	found, end := (*nftables.Rule)(nil), stop
	switch code {
	case unix.NFT_CONTINUE, unix.NFT_BREAK:
		end = next
	case unix.NFT_RETURN:
		end = leave
	case unix.NFT_JUMP, unix.NFT_GOTO:
		if found, end = e.chain(chainName(r, chain)); found != nil {
			return found, stop
		}
		if end != stop {
			end = next
			if code == unix.NFT_GOTO {
				end = leave
			}
		}
	}
	if !sure {
		end = next
	}
	return nil, end
}

// lookup evaluates a lookup in a set or map, and the expressions after it with each value
// that the map may give.
func (e *evaluation) lookup(r *nftables.Rule, rest []expr.Any, x *expr.Lookup, regs registers, sure bool) (
	*nftables.Rule, ending) {
	elements, exact := matching(e.rules.elements(r.Table, x.SetName), &regs, x.SourceRegister)
	switch {
	case x.Invert && exact && len(elements) > 0, !x.Invert && len(elements) == 0:
		return nil, next
	case !x.IsDestRegSet:
		return e.rule(r, rest, regs, sure && exact)
	}
	end := next
	for _, element := range elements {
		var found *nftables.Rule
		if x.DestRegister == unix.NFT_REG_VERDICT {
			code, chain := verdictOf(element.Val)
			found, end = e.verdict(r, code, chain, sure && exact)
		} else {
			regs.load(x.DestRegister, known(element.Val), false)
			found, end = e.rule(r, rest, regs, sure && exact)
		}
		if found != nil {
			return found, stop
		}
	}
	return nil, end
}

// elements returns the elements of a set, sorted by key. It reads each set once, and returns
// none if the set can't be read.
func (rs *Rules) elements(t *nftables.Table, name string) []nftables.SetElement {
	key := familyName(uint8(t.Family)) + " " + t.Name + " " + name
	all, read := rs.sets[key]
	if !read {
		all, _ = rs.conn.GetSetElements(&nftables.Set{Table: t, Name: name})
		slices.SortFunc(all, func(a, b nftables.SetElement) int { return slices.Compare(a.Key, b.Key) })
		rs.sets[key] = all
	}
	return all
}
