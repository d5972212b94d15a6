//go:build linux

package trace

import (
	"bytes"
	"encoding/binary"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"

	"natlens/monitor"
)

// rewrites reports whether a NAT statement can make the rewrite of the hook, or leave the
// addresses as they are if the hook has no rewrite.
func (e *evaluation) rewrites(x expr.Any, regs *registers) bool {
	w := e.rewrite
	if w == nil {
		w = &monitor.Rewrite{To: e.packet.dst}
		if e.step.Hook == monitor.Postrouting || e.step.Hook == monitor.Input {
			w.Source, w.To = true, e.packet.src
		}
	}
	port := func(low, high uint32) bool {
		return between(regs, low, high, binary.BigEndian.AppendUint16(nil, w.To.Port))
	}
	redirected := !w.Source && (e.walk.NAT.Redirect || e.rewrite == nil && e.walk.Path != monitor.PathForward)
	masqueraded := w.Source && (e.rewrite != nil || e.walk.Path == monitor.PathOut)
	switch x := x.(type) {
	case *expr.NAT:
		return (x.Type == expr.NATTypeSourceNAT) == w.Source && port(x.RegProtoMin, x.RegProtoMax) &&
			between(regs, x.RegAddrMin, x.RegAddrMax, w.To.Addr.Netip().AsSlice())
	case *expr.Masq:
		return masqueraded && port(x.RegProtoMin, x.RegProtoMax)
	case *expr.Redir:
		return redirected && port(x.RegisterProtoMin, x.RegisterProtoMax)
	case *expr.Target: // of iptables-nft
		ok := map[string]bool{
			"SNAT": w.Source, "MASQUERADE": masqueraded, "DNAT": !w.Source, "REDIRECT": redirected, "NETMAP": true,
		}
		return ok[x.Name] && inRange(x.Info, w.To)
	}
	return false
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

// inRange reports whether the new address and port are in the range of a target of
// iptables-nft. A range may limit the address, the port, both or neither.
func inRange(info xt.InfoAny, to monitor.Endpoint) bool {
	r := natRange(info)
	flags := xt.NatRangeFlags(r.Flags)
	if addr := to.Addr.Netip().As16(); flags&xt.NatRangeMapIPs != 0 &&
		(bytes.Compare(addr[:], r.MinIP.To16()) < 0 || bytes.Compare(addr[:], r.MaxIP.To16()) > 0) {
		return false
	}
	return flags&xt.NatRangeProtoSpecified == 0 || r.MinPort <= to.Port && to.Port <= r.MaxPort
}

func natRange(info xt.InfoAny) (r xt.NatRange) {
	switch info := info.(type) {
	case *xt.NatRange:
		r = *info
	case *xt.NatRange2:
		r = info.NatRange
	case *xt.NatIPv4MultiRangeCompat:
		if len(*info) == 1 {
			r = xt.NatRange((*info)[0])
		}
	}
	return r
}
