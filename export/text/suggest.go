package text

import (
	"fmt"
	"strings"
)

// UnknownWord is the error for a word that is none of the names: it says which
// one may have been meant, and otherwise all of them.
func UnknownWord(what, word string, names []string) error {
	best, distance := "", 3
	for _, name := range names {
		if d := editDistance(strings.ToLower(word), name); d < distance && d < len(name) {
			best, distance = name, d
		}
	}
	if best != "" {
		return fmt.Errorf("unknown %s %q: did you mean %s?", what, word, best)
	}
	return fmt.Errorf("unknown %s %q: it is one of %s", what, word, strings.Join(names, ", "))
}

// editDistance counts the letters to insert, delete, replace or swap with their
// neighbour (optimal string alignment) that lead from a to b.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
