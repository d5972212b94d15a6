//go:build linux

package trace

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// rewrites reports whether a NAT statement can make the rewrite of the hook, or leave the
// addresses as they are if the hook has no rewrite.
func (e *evaluation) rewrites(x *expr.NAT, regs *registers) bool {
	w := e.rewrite
	if w == nil {
		w = &monitor.Rewrite{To: e.packet.dst}
		if e.step.Hook == monitor.Postrouting || e.step.Hook == monitor.Input {
			w.Source, w.To = true, e.packet.src
		}
	}
	can := map[expr.NATType]bool{
		expr.NATTypeSourceNAT: w.Source, expr.NATTypeDestNAT: !w.Source, natEither: true,
		natRedirect:   !w.Source && (e.walk.NAT.Redirect || e.rewrite == nil && e.walk.Path != monitor.PathForward),
		natMasquerade: w.Source && (e.rewrite != nil || e.walk.Path == monitor.PathOut),
	}
	return can[x.Type] && between(regs, x.RegAddrMin, x.RegAddrMax, w.To.Addr.Netip().AsSlice()) &&
		between(regs, x.RegProtoMin, x.RegProtoMax, binary.BigEndian.AppendUint16(nil, w.To.Port))
}

// forwards reports whether an expression is a NAT statement that rewrites the destination.
func forwards(x expr.Any) bool {
	nat, ok := x.(*expr.NAT)
	return ok && (nat.Type == expr.NATTypeDestNAT || nat.Type == natRedirect)
}

// between reports whether a value can be in the range of two registers, ends included. Without
// high (0) the value must be the one in low; without both any value is in the range.
func between(regs *registers, low, high uint32, value []byte) bool {
	if low != 0 {
		if order, trust := regs.order(low, value); trust > maybe && order > 0 {
			return false
		}
	}
	if high == 0 {
		high = low
	}
	order, trust := regs.order(high, value)
	return high == 0 || trust <= maybe || order >= 0
}

// Forward is a rule that rewrites the destination of packets.
type Forward struct {
	Step
	To netip.AddrPort // the new destination, as far as the rule has it
	In string         // the interface that the rule requires; "": any
}

// Forwards returns the rules of prerouting that rewrite the destination of packets like h from
// any sender that arrive by any interface.
func (t *Tracer) Forwards(h *Headers) (all []Forward) {
	w := monitor.NewWalk(&monitor.Flow{Orig: h.Tuple(), Path: monitor.PathForward})
	p := firstOf(&w)
	p.tracked, p.in, p.out = true, device{unknown(4), unknown(unix.IFNAMSIZ)}, noDevice
	srcAt, dstAt := 12, 16
	if h.Dst.Addr().Is6() {
		srcAt, dstAt = 8, 24
	}
	copy(p.network[srcAt:dstAt], unknown(16))
	copy(p.transport[:2], unknown(2))
	e := evaluation{rules: t.rules, walk: &w, step: &w.Original.Steps[0], packet: p, least: maybe}
	e.rewrite = &monitor.Rewrite{}
	e.collect = func(r *rule, x *expr.NAT, regs *registers) {
		if forwards(x) {
			all = append(all, Forward{Step: r.step(), To: targetOf(x, regs), In: r.in(t.nameOf)})
		}
	}
	for _, c := range t.rules.baseChains(monitor.Prerouting, p.family) {
		if c.Type == "nat" {
			e.visited = map[string]answer{}
			e.chain(c.String(), yes)
		}
	}
	return all
}

// targetOf returns the new destination of a NAT statement: the first of a range, without what it
// does not change or natlens does not know.
func targetOf(x *expr.NAT, regs *registers) netip.AddrPort {
	var addr netip.Addr
	port, size := uint16(0), 4
	if x.Family == unix.NFPROTO_IPV6 {
		size = 16
	}
	if b := regs.bytes(x.RegAddrMin, size); x.RegAddrMin != 0 {
		addr, _ = netip.AddrFromSlice(b)
	}
	if b := regs.bytes(x.RegProtoMin, 2); x.RegProtoMin != 0 && b != nil {
		port = binary.BigEndian.Uint16(b)
	}
	return netip.AddrPortFrom(addr, port)
}

// in returns the name of the interface that a condition of the rule requires, or "".
func (r *rule) in(nameOf func(uint32) string) string {
	for i, x := range r.exprs[1:] {
		m, isMeta := r.exprs[i].(*expr.Meta)
		c, isCmp := x.(*expr.Cmp)
		switch {
		case !isMeta || !isCmp || c.Op != expr.CmpOpEq:
		case m.Key == expr.MetaKeyIIFNAME:
			name, _, _ := strings.Cut(string(c.Data), "\x00")
			return name
		case m.Key == expr.MetaKeyIIF && len(c.Data) == 4:
			return nameOf(binary.NativeEndian.Uint32(c.Data))
		}
	}
	return ""
}
