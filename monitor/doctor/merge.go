package doctor

import (
	"fmt"
	"slices"
	"strings"

	"natlens/monitor/human"
)

// Named is a network namespace that was checked.
type Named struct {
	Name     string // "" if it is the only one
	Snapshot *Snapshot
	Checks   []Check // by Diagnose
}

// Merged is a check of several namespaces: that of the worst of them. Where several
// are as bad, it is the first.
type Merged struct {
	Check
	Of *Snapshot // of the namespace whose check it is
	In []string  // names of the namespaces with this level; nil if there is one only
}

// Merge makes one list of the checks of several namespaces. Text names the
// namespaces that have the worst level, if that is Warn or Fail.
func Merge(all []Named) (merged []Merged) {
	if len(all) == 0 {
		return nil
	}
	for i, first := range all[0].Checks {
		m := Merged{Check: first, Of: all[0].Snapshot}
		for _, n := range all {
			c := n.Checks[i] // always the same ones in the same order
			switch {
			case grave(c.Level) > grave(m.Level):
				m = Merged{Check: c, Of: n.Snapshot, In: []string{n.Name}}
			case c.Level == m.Level:
				m.In = append(m.In, n.Name)
			}
		}
		if len(all) == 1 {
			m.In = nil
		}
		if m.Level == Warn || m.Level == Fail {
			m.Text = InNamespaces(m.In, m.Text)
		}
		merged = append(merged, m)
	}
	return merged
}

// grave orders levels; Skip is the least.
func grave(l Level) int { return (int(l) + 1) % (int(Skip) + 1) }

// namesShown is how many namespaces are named.
const namesShown = 3

// InNamespaces puts the names of the namespaces that a text is about before it; none
// leaves it as it is.
func InNamespaces(names []string, text string) string {
	if len(names) == 0 {
		return text
	}
	shown := slices.Clone(names[:min(len(names), namesShown)])
	list := strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		list = fmt.Sprintf("%s and %s more", list, human.Count(uint64(more)))
	}
	return list + ": " + text
}
