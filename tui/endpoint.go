package tui

import (
	"strconv"

	"natlens/monitor"
	"natlens/tui/paint"
)

// endText is one end of a flow as one reads it: what stands for the address, and
// what stands for the port with what separates them. IPv6 stands in brackets
// before a port; ICMP ids and GRE keys are called by their names.
type endText struct{ host, port string }

func (e endText) String() string { return e.host + e.port }

func (e endText) width() int { return paint.Width(e.host) + paint.Width(e.port) }

// fit cuts to a width: the port stays, and of the address the beginning and the
// end. Where not even that has room, the end is cut off.
func (e endText) fit(width int) endText {
	port := paint.Width(e.port)
	switch {
	case paint.Width(e.host)+port <= width:
		return e
	case port > width-4:
		return endText{host: paint.Cut(e.String(), width)}
	}
	return endText{paint.CutMiddle(e.host, width-port), e.port}
}

// add draws the end; addr and port say what of it NAT has rewritten, and that
// alone is in the accent colour.
func (e endText) add(l *paint.Line, addr, port bool) {
	role := map[bool]paint.Role{false: paint.Text, true: paint.NAT}
	l.Add(role[addr], e.host)
	l.Add(role[port], e.port)
}

// endOf writes an end in numbers.
func endOf(p monitor.Proto, e monitor.Endpoint) endText {
	out := endText{e.Addr.String(), portText(p, e.Port)}
	if p.HasPorts() && !e.Addr.Is4() {
		out.host = "[" + out.host + "]"
	}
	return out
}

// endpointText is endOf in one piece.
func endpointText(p monitor.Proto, e monitor.Endpoint) string { return endOf(p, e).String() }

// portText is what the protocol has for a port, with what separates it from the
// address.
func portText(p monitor.Proto, port uint16) string {
	switch {
	case p.HasPorts():
		return ":" + strconv.Itoa(int(port))
	case p.IsICMP() && port != 0:
		return " id " + strconv.Itoa(int(port))
	case p == monitor.GRE:
		return " key " + hexText(uint64(port))
	}
	return ""
}
