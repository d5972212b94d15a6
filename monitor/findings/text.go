package findings

import (
	"math"
	"net/netip"
	"strconv"
	"strings"

	"natlens/monitor"
)

// counted is a candidate of a rule that counts the flows of a group which are of
// age; limit is of these.
func (e *Engine) counted(k key, flows uint64, g *group, limit float64) candidate {
	return candidate{k, float64(g.old) / limit, monitor.Finding{
		Flows:    flows,
		Figures:  []monitor.Figure{{Name: "flows", Value: float64(flows)}, {Name: "limit", Value: limit}},
		Examples: e.refs(g),
	}}
}

// show says how to see the flows, and with which command of natlens to go on. Where
// several namespaces are watched, it names the one that the candidate is about.
func (e *Engine) show(c *candidate, command, filter string) {
	f := &c.finding
	f.NetNS = c.key.netns
	f.Filter, f.Command = filter, e.cfg.Command(f.NetNS, command, filter)
	if name, only := e.cfg.Namespace(f.NetNS); name != "" {
		f.Subject, f.Text, f.Filter = f.Subject+" in "+name, name+": "+f.Text, only+" "+filter
	}
}

// text writes the engine's limit.
func (e *Engine) text(l limit) string { return limits[l].Text(e.cfg.Limits[l]) }

// atLeast is the least whole number that is not below x.
func atLeast(x float64) uint64 { return uint64(math.Ceil(x)) }

// plainCommand writes a command line of natlens for a shell.
func plainCommand(_ monitor.NetNS, args ...string) string {
	line := "natlens"
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " ()<>|&;!{}*?$\"'\\") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		line += " " + a
	}
	return line
}

// endpoint writes an address with a port.
func endpoint(a monitor.Addr, port uint16) string {
	return netip.AddrPortFrom(a.Netip(), port).String()
}

// plural is a number with its word: "1 flow", "2 flows".
func plural(n uint64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.FormatUint(n, 10) + " " + word + "s"
}
