package paint

import (
	"strconv"

	"natlens/monitor"
)

// Hex writes a mark or a key.
func Hex(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

// EndText is one end of a flow: the text of the address, and that of the port with its
// separator. IPv6 is in brackets before a port; ICMP ids and GRE keys are named.
type EndText struct{ Host, Port string }

// End returns an end in numbers.
func End(p monitor.Proto, e monitor.Endpoint) EndText {
	out := EndText{e.Addr.String(), portText(p, e.Port)}
	if p.HasPorts() && !e.Addr.Is4() {
		out.Host = "[" + out.Host + "]"
	}
	return out
}

// portText returns the port, or what the protocol has instead.
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
func (e EndText) Width() int { return Width(e.Host) + Width(e.Port) }

// Fit cuts to a width: the port stays, and the beginning and end of the address. If even that
// does not fit, the end is cut off.
func (e EndText) Fit(width int) EndText {
	port := Width(e.Port)
	switch {
	case Width(e.Host)+port <= width:
		return e
	case port > width-4:
		return EndText{Host: Cut(e.String(), width)}
	}
	return EndText{CutMiddle(e.Host, width-port), e.Port}
}

// Add draws the end. addr and port say which parts NAT rewrote; only those have the accent
// colour.
func (e EndText) Add(l *Line, addr, port bool) {
	role := map[bool]Role{false: Text, true: NAT}
	l.Add(role[addr], e.Host)
	l.Add(role[port], e.Port)
}
