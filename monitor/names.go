package monitor

import (
	"slices"
	"strings"
)

// name returns the name of v, or otherwise if v has no name.
func name[T ~uint8](v T, names []string, otherwise string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return otherwise
}

// byName returns the number of a name (any case), or -1.
func byName(names []string, name string) int {
	return slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// bitNames returns the names of the bits that are set, lowest first.
func bitNames(bits uint32, names []string) (out []string) {
	for i, n := range names {
		if bits&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}
