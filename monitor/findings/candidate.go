package findings

import (
	"net/netip"

	"natlens/monitor"
)

// candidate is a group of flows that a rule may report.
type candidate struct {
	level   float64 // what was counted, divided by the threshold
	finding monitor.Finding
}

// figures are the numbers behind a finding.
func figures(flows uint64, limit float64, more ...monitor.Figure) []monitor.Figure {
	return append([]monitor.Figure{{Name: "flows", Value: float64(flows)}, {Name: "limit", Value: limit}}, more...)
}

// plainCommand writes a command line of natlens for a shell.
func plainCommand(_ monitor.NetNS, args ...string) string {
	return "natlens " + monitor.ShellLine(args...)
}

// endpoint writes an address with a port.
func endpoint(a monitor.Addr, port uint16) string {
	return netip.AddrPortFrom(a.Netip(), port).String()
}
