package classic

import (
	"slices"
	"strings"

	"natlens/export/conntrack"
)

// Complete returns completions that natlens's own command does not have: a table after
// conntrack(8)'s letter, and a modifier of -o. whole reports that there are no others.
func Complete(args []string) (words []string, whole bool) {
	last := len(args) - 1
	l := find(args[:max(last, 0)])
	if l == nil {
		return nil, false
	}
	if len(l.rest) == 0 && len(l.before) == 0 {
		return slices.DeleteFunc(slices.Clone(tables), func(t string) bool { return !l.command.has(t) }), false
	}
	if before := args[last-1]; l.command.prints && (before == "-o" || before == "--output") {
		begun := args[last][:strings.LastIndexByte(args[last], ',')+1]
		for _, m := range conntrack.ModifierNames() {
			words = append(words, begun+m)
		}
		return words, true
	}
	return nil, false
}
