package tui

import (
	"strconv"

	"natlens/monitor"
	"natlens/tui/paint"
)

// endpointText returns address and port as one reads them; IPv6 stands in
// brackets before a port. ICMP ids and GRE keys are called by their names.
func endpointText(p monitor.Proto, e monitor.Endpoint) string {
	return string(appendEndpoint(nil, p, e))
}

func appendEndpoint(b []byte, p monitor.Proto, e monitor.Endpoint) []byte {
	if p.HasPorts() && !e.Addr.Is4() {
		b = append(b, '[')
		b = e.Addr.AppendTo(b)
		b = append(b, ']')
	} else {
		b = e.Addr.AppendTo(b)
	}
	return appendPort(b, p, e.Port)
}

// appendPort appends what the protocol has for a port, with what separates it
// from the address.
func appendPort(b []byte, p monitor.Proto, port uint16) []byte {
	switch {
	case p.HasPorts():
		return strconv.AppendUint(append(b, ':'), uint64(port), 10)
	case p.IsICMP() && port != 0:
		return strconv.AppendUint(append(b, " id "...), uint64(port), 10)
	case p == monitor.GRE:
		return strconv.AppendUint(append(b, " key 0x"...), uint64(port), 16)
	}
	return b
}

// addRewritten adds the endpoint with the rewritten part in the accent colour:
// the port alone if only the port moved.
func addRewritten(l *paint.Line, p monitor.Proto, e monitor.Endpoint, addr bool) {
	if addr {
		l.Add(paint.NAT, endpointText(p, e))
		return
	}
	whole := endpointText(p, e)
	port := string(appendPort(nil, p, e.Port))
	l.Add(paint.Text, whole[:len(whole)-len(port)])
	l.Add(paint.NAT, port)
}
