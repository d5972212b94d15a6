package conntrack

import "natlens/monitor"

func protoName(p monitor.Proto) string {
	if name := p.Name(); name != "" {
		return name
	}
	return "unknown"
}

// appendNetNSWord appends a name that is one word among others: it may have blanks.
func appendNetNSWord(b []byte, name string) []byte {
	for i := range len(name) {
		if name[i] == ' ' {
			b = append(b, `\x20`...)
		} else {
			b = append(b, name[i])
		}
	}
	return b
}
