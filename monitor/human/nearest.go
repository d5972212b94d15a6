package human

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest returns the candidate that a mistyped word was probably meant to be, "" if none
// is close: the shortest that begins with the word, or else the one with the fewest
// letters changed. Case does not count. Words below two letters and above 40 have none.
func Nearest(word string, candidates []string) string {
	word = strings.ToLower(word)
	if len(word) < 2 || len(word) > 40 {
		return ""
	}
	if c := beginning(word, candidates); c != "" {
		return c
	}
	best, limit := "", 1+max(1, len(word)/3)
	if len(word) >= 5 {
		limit = max(limit, 3)
	}
	for _, c := range candidates {
		if d := distance(word, strings.ToLower(c)); d < limit {
			best, limit = c, d
		}
	}
	return best
}

// UnknownWord is the error of a word that is not in names. It suggests the most similar one, or
// lists all. Empty names do not count.
func UnknownWord(what, word string, names []string) error {
	if near := Nearest(word, names); near != "" {
		return fmt.Errorf("unknown %s %q: did you mean %s?", what, word, near)
	}
	names = slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "" })
	return fmt.Errorf("unknown %s %q: it is one of %s", what, word, strings.Join(names, ", "))
}

// beginning returns the shortest candidate that begins with a word of three letters or
// more.
func beginning(word string, candidates []string) string {
	best := ""
	for _, c := range candidates {
		if len(word) >= 3 && strings.HasPrefix(strings.ToLower(c), word) && (best == "" || len(c) < len(best)) {
			best = c
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that
// turn a into b (optimal string alignment).
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, prev, cur := rows[0], rows[1], rows[2]
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		rows[0], rows[1], rows[2] = prev, cur, before
	}
	return rows[1][len(b)]
}
