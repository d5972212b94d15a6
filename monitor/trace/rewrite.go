//go:build linux

package trace

import (
	"encoding/binary"

	"github.com/google/nftables/expr"

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
