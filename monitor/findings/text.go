package findings

import (
	"net/netip"
	"strings"
	"time"

	"natlens/monitor"
)

// candidate completes a finding with the filter that selects its flows and the command
// of natlens that shows or deletes them. If there are several network namespaces, it
// names the one of the finding.
func (e *Engine) candidate(n monitor.NetNS, level float64, f monitor.Finding, command, filter string) candidate {
	f.NetNS, f.Filter, f.Command = n, filter, e.cfg.Command(n, command, filter)
	if name, only := e.cfg.Namespace(n); name != "" {
		f.Subject, f.Text, f.Filter = f.Subject+" in "+name, name+": "+f.Text, only+" "+filter
	}
	return candidate{level, f}
}

// figures are the numbers behind a finding.
func figures(flows uint64, limit float64, more ...monitor.Figure) []monitor.Figure {
	return append([]monitor.Figure{{Name: "flows", Value: float64(flows)}, {Name: "limit", Value: limit}}, more...)
}

// text writes the value of a threshold that is a time.
func (e *Engine) text(t threshold) string {
	text := time.Duration(e.cfg.Thresholds[t] * float64(time.Second)).String()
	for _, zero := range [...]string{"0s", "0m"} { // of 1h0m0s
		if short := strings.TrimSuffix(text, zero); short != text && (strings.HasSuffix(short, "m") ||
			strings.HasSuffix(short, "h")) {
			text = short
		}
	}
	return text
}

// plainCommand writes a command line of natlens for a shell.
func plainCommand(_ monitor.NetNS, args ...string) string {
	return "natlens " + monitor.ShellLine(args...)
}

// endpoint writes an address with a port.
func endpoint(a monitor.Addr, port uint16) string {
	return netip.AddrPortFrom(a.Netip(), port).String()
}
