package conntrack

import (
	"strings"

	"natlens/monitor"
)

func protoName(p monitor.Proto) string {
	if name := p.Name(); name != "" {
		return name
	}
	return "unknown"
}

// netNSWord is the name of a namespace as one word: blanks are escaped too.
func netNSWord(name string) string { return strings.ReplaceAll(monitor.Escape(name), " ", `\x20`) }
