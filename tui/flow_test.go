package tui

import (
	"net/netip"

	"natlens/monitor"
)

// flowOf builds a flow from its four endpoints: from and to as sent, as the
// sender that the far side sees, at who gets it.
func flowOf(p monitor.Proto, from, to, as, at string, status monitor.Status, path monitor.Path) monitor.Flow {
	f := monitor.Flow{Status: status | monitor.Confirmed, Path: path, ID: 1561741433}
	f.Orig, f.Reply = tupleOf(p, from, to), tupleOf(p, at, as)
	if p.IsICMP() {
		id := f.Reply.DstPort
		f.Orig.SetICMP(f.Orig.SrcPort, 8, 0)
		f.Reply.SetICMP(id, 0, 0)
	}
	return f
}

func tupleOf(p monitor.Proto, src, dst string) monitor.Tuple {
	s, d := endpointOf(src), endpointOf(dst)
	t := monitor.Tuple{Proto: p, Family: monitor.IPv4, Src: s.Addr, Dst: d.Addr, SrcPort: s.Port, DstPort: d.Port}
	if !s.Addr.Is4() {
		t.Family = monitor.IPv6
	}
	return t
}

func endpointOf(text string) monitor.Endpoint {
	if a, err := netip.ParseAddr(text); err == nil {
		return monitor.Endpoint{Addr: monitor.AddrFrom(a)}
	}
	ap := netip.MustParseAddrPort(text)
	return monitor.Endpoint{Addr: monitor.AddrFrom(ap.Addr()), Port: ap.Port()}
}

const (
	natDone = monitor.SrcNATDone | monitor.DstNATDone
	srcNAT  = monitor.SrcNAT | natDone
	dstNAT  = monitor.DstNAT | natDone
)
