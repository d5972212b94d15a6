package findings

import (
	"net/netip"
	"strconv"
	"strings"

	"natlens/monitor"
)

// plainCommand writes a command line of natlens for a shell.
func plainCommand(args ...string) string {
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

// counted is a number with its word: "1 flow", "2 flows".
func counted(n uint64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.FormatUint(n, 10) + " " + word + "s"
}

// text writes the engine's limit.
func (e *Engine) text(l limit) string { return limits[l].Text(e.cfg.Limits[l]) }

// examples names the flows of a group that are still there.
func (e *Engine) examples(g *gathered) (flows []monitor.FlowRef) {
	for _, x := range g.examples[:g.n] {
		if r, _, ok := e.cfg.Table.Get(x.row, x.gen); ok {
			flows = append(flows, monitor.FlowRef{Row: x.row, Gen: x.gen, Orig: r.Flow.Orig})
		}
	}
	return flows
}
