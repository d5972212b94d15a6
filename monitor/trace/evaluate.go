//go:build linux

package trace

import (
	"slices"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// chain evaluates a chain, and the chains to which it jumps. sure is how certain it is that the
// packet gets there.
func (e *evaluation) chain(name string, sure answer) ending {
	if e.visited[name] >= sure {
		return next
	}
	e.visited[name] = sure
	for _, r := range e.rules.order[name] {
		e.agrees = false
		if end := e.rule(r, r.exprs, registers{}.unknown(), sure); end != next {
			return end
		}
	}
	return next
}

// rule evaluates expressions of a rule. sure is how certain it is that all expressions before
// them match.
func (e *evaluation) rule(r *rule, exprs []expr.Any, regs registers, sure answer) ending {
	for i, x := range exprs {
		switch x := x.(type) {
		case *expr.Lookup:
			return e.lookup(r, exprs[i+1:], x, regs, sure)
		case *expr.NAT:
			return e.translate(r, x, &regs, sure)
		case *expr.Verdict:
			return e.verdict(r, int32(x.Kind), x.Chain, sure)
		case *expr.Reject:
			return e.verdict(r, verdictDrop, "", sure)
		case *expr.Queue:
			return e.verdict(r, verdictQueue, "", sure)
		}
		m := e.run(x, &regs, sure)
		if m < e.least {
			return e.skip(r, m)
		}
		sure = min(sure, m)
	}
	if r.sets() && (sure > maybe || e.agrees) {
		e.name(r, sure)
	}
	return next
}

// run evaluates an expression that has no verdict, and returns whether it matches.
func (e *evaluation) run(x expr.Any, regs *registers, sure answer) answer {
	switch x := x.(type) {
	case *expr.Meta:
		if !x.SourceRegister {
			regs.load(x.Register, e.packet.meta(x))
		} else if x.Key == expr.MetaKeyMARK {
			write(e.packet.mark[:], regs.value(x.Register, 4), sure)
		}
	case *expr.Payload:
		if x.DestRegister == 0 {
			return e.write(x, regs, sure)
		}
		regs.load(x.DestRegister, e.packet.payload(x))
	case *expr.Ct:
		return e.ct(x, regs, sure)
	case *expr.Fib:
		value := unknown(4)
		switch {
		case !x.ResultADDRTYPE || x.FlagIIF || x.FlagOIF || x.FlagMARK:
		case x.FlagSADDR:
			value = known(word(uint32(e.typeOf(e.packet.src))))
		case x.FlagDADDR:
			value = known(word(uint32(e.typeOf(e.packet.dst))))
		}
		regs.load(x.Register, value)
	case *expr.Immediate:
		regs.load(x.Register, known(x.Data))
	case *expr.Bitwise:
		regs.bitwise(x)
	case *expr.Cmp:
		return regs.compare(x)
	case *expr.Range:
		return regs.within(x.Register, x.FromData, x.ToData).negated(x.Op == expr.CmpOpNeq)
	case *expr.Match:
		return e.compat(x)
	case *expr.Notrack:
		return e.zone(nil, true, sure)
	case *expr.Exthdr:
		if x.DestRegister != 0 {
			regs.load(x.DestRegister, unknown(16))
		}
	case *expr.Counter, *expr.Log, *expr.FlowOffload, *expr.Target:
	case *expr.Objref:
		if x.Type == unix.NFT_OBJECT_LIMIT || x.Type == unix.NFT_OBJECT_QUOTA {
			return maybe
		}
	default:
		*regs = regs.unknown()
		if u, ok := x.(unread); !ok || !u.loads {
			return maybe
		}
	}
	return yes
}

// ct evaluates an expression that loads or sets what conntrack has.
func (e *evaluation) ct(x *expr.Ct, regs *registers, sure answer) answer {
	switch {
	case !x.SourceRegister:
		value, ok := e.packet.ct(x)
		regs.load(x.Register, value)
		return matchIf(ok, yes)
	case x.Key == expr.CtKeyMARK:
		write(e.packet.ctMark[:], regs.value(x.Register, 4), sure)
	case x.Key == expr.CtKeyZONE:
		return e.zone(regs.value(x.Register, 2), false, sure)
	}
	return yes
}

// zone evaluates a statement that sets the zone or excludes the packet from conntrack. The flow is
// in the table and has a zone, so a statement that gives another result did not match.
func (e *evaluation) zone(value []octet, untracks bool, sure answer) answer {
	zone := known(word(uint32(e.packet.flow.Orig.Zone)))
	if !e.packet.tracked && (untracks || !slices.Contains(value, -1) && !slices.Equal(value[:2], zone[:2])) {
		e.doubt = e.doubt || sure == yes
		return no
	}
	return yes
}

// write sets what a rule changes, which is as certain as sure.
func write(at, value []octet, sure answer) {
	for i := range min(len(at), len(value)) {
		switch {
		case sure < likely:
			at[i] = -1
		case sure == likely && value[i] >= 0:
			at[i] = value[i] | assumed
		default:
			at[i] = value[i]
		}
	}
}

// write evaluates a statement that writes to a header. Before conntrack's lookup the result must
// be what the flow has.
func (e *evaluation) write(x *expr.Payload, regs *registers, sure answer) answer {
	at, value := e.packet.header(x), regs.value(x.SourceRegister, int(x.Len))
	if !e.packet.tracked {
		for i, o := range firstOf(e.walk).header(x) {
			if i < len(value) && o >= 0 && value[i] >= 0 && byte(o) != byte(value[i]) {
				return no
			}
		}
		e.agrees = true
	}
	write(at, value, sure)
	return yes
}

// translate evaluates a NAT statement.
func (e *evaluation) translate(r *rule, x *expr.NAT, regs *registers, sure answer) ending {
	if e.collect != nil {
		e.collect(r, x, regs)
		return next
	}
	if !e.rewrites(x, regs) { // the rule did not match, or is newer than the flow
		e.doubt = e.doubt || sure == yes
		return next
	}
	e.name(r, sure)
	e.nat = true
	return stop
}

// verdict evaluates the chain of a jump or goto, and returns where evaluation continues after
// the verdict.
func (e *evaluation) verdict(r *rule, code int32, chain string, sure answer) ending {
	end := stop
	switch code {
	case unix.NFT_CONTINUE, unix.NFT_BREAK:
		return next
	case unix.NFT_RETURN:
		end = leave
	case unix.NFT_JUMP, unix.NFT_GOTO:
		to := Chain{Family: r.chain.Family, Table: r.chain.Table, Name: chain}
		if e.chain(to.String(), sure) == stop {
			return stop
		} else if code == unix.NFT_JUMP {
			return next
		}
		end = leave
	case verdictDrop:
		if sure < yes {
			return next // it did not match, because the flow is in the table
		}
		e.drops = r
		return stop
	case verdictAccept:
		if e.rewrite == nil || sure == yes {
			e.name(r, sure)
			return stop
		}
	default:
		e.name(r, sure)
		return stop
	}
	if sure < yes {
		e.doubt = true
		return next
	}
	return end
}

// lookup evaluates a lookup in a set or map, and the expressions after it with each value
// that the map may give.
func (e *evaluation) lookup(r *rule, rest []expr.Any, x *expr.Lookup, regs registers, sure answer) ending {
	all, read := e.rules.elements(r, x.SetName)
	elements, most := matching(all, &regs, x.SourceRegister), no
	for _, element := range elements {
		most = max(most, element.matches)
	}
	if !read {
		most = maybe
	}
	if !x.IsDestRegSet {
		if most = most.negated(x.Invert); most < e.least {
			return e.skip(r, most)
		}
		return e.rule(r, rest, regs, min(sure, most))
	}
	e.doubt = e.doubt || !read
	for _, element := range elements {
		m, end := min(sure, element.matches), next
		switch {
		case m < e.least:
			_ = e.skip(r, m)
			continue
		case x.DestRegister == unix.NFT_REG_VERDICT:
			code, chain := verdictOf(element.Val)
			end = e.verdict(r, code, chain, m)
		default:
			regs.load(x.DestRegister, known(element.Val))
			end = e.rule(r, rest, regs, m)
		}
		if end != next {
			return end
		}
	}
	return next
}

// verdictOf returns the verdict of a map's element; NFT_CONTINUE if it can't be read.
func verdictOf(value []byte) (code int32, chain string) {
	d, err := netlink.NewAttributeDecoder(value)
	if err != nil {
		return unix.NFT_CONTINUE, ""
	}
	return readVerdict(d)
}
