package page

import (
	"strconv"

	"natlens/monitor"
	"natlens/tui/paint"
)

// EndText is one end of a flow: what is written for the address, and for the port with its
// separator. IPv6 is in brackets before a port; ICMP ids and GRE keys are named.
type EndText struct{ Host, Port string }

// End writes an end in numbers.
func End(p monitor.Proto, e monitor.Endpoint) EndText {
	out := EndText{e.Addr.String(), portText(p, e.Port)}
	if p.HasPorts() && !e.Addr.Is4() {
		out.Host = "[" + out.Host + "]"
	}
	return out
}

// portText is what the protocol has for a port.
func portText(p monitor.Proto, port uint16) string {
	switch {
	case p.HasPorts():
		return ":" + strconv.Itoa(int(port))
	case p.IsICMP() && port != 0:
		return " id " + strconv.Itoa(int(port))
	case p == monitor.GRE:
		return " key " + Hex(uint64(port))
	}
	return ""
}

func (e EndText) String() string { return e.Host + e.Port }

// Width returns the cells that the end takes.
func (e EndText) Width() int { return paint.Width(e.Host) + paint.Width(e.Port) }

// Fit cuts to a width: the port stays, and of the address the beginning and the end. If
// even that does not fit, the end is cut off.
func (e EndText) Fit(width int) EndText {
	port := paint.Width(e.Port)
	switch {
	case paint.Width(e.Host)+port <= width:
		return e
	case port > width-4:
		return EndText{Host: paint.Cut(e.String(), width)}
	}
	return EndText{paint.CutMiddle(e.Host, width-port), e.Port}
}

// Add draws the end. addr and port say what of it NAT has rewritten, which alone is in
// the accent colour.
func (e EndText) Add(l *paint.Line, addr, port bool) {
	role := map[bool]paint.Role{false: paint.Text, true: paint.NAT}
	l.Add(role[addr], e.Host)
	l.Add(role[port], e.Port)
}
