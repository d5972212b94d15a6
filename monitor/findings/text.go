package findings

import (
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
