package text

import (
	"fmt"
	"strings"

	"natlens/monitor/human"
)

// UnknownWord is the error for a word that is not in names. It suggests the nearest
// one, or lists all.
func UnknownWord(what, word string, names []string) error {
	if near := human.Nearest(word, names); near != "" {
		return fmt.Errorf("unknown %s %q: did you mean %s?", what, word, near)
	}
	return fmt.Errorf("unknown %s %q: it is one of %s", what, word, strings.Join(names, ", "))
}
