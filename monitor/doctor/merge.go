package doctor

import (
	"strings"

	"natlens/monitor/human"
)

// Named is a network namespace that was checked.
type Named struct {
	Name     string // "" if it is the only one
	Snapshot *Snapshot
	Checks   []Check // from Diagnose
}

// Merge returns the worst result of each check in several namespaces; of equally bad ones, the
// first. If it is Warn or Fail, Text names the namespaces that have it.
func Merge(all []Named) (merged []Check) {
	if len(all) == 0 {
		return nil
	}
	for i, m := range all[0].Checks {
		for _, n := range all {
			c := n.Checks[i] // Diagnose always returns the same checks in the same order
			switch {
			case grave(c.Level) > grave(m.Level):
				m, m.In = c, []string{n.Name}
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

// namesShown is the maximum number of namespaces that are named.
const namesShown = 3

// InNamespaces puts the names of namespaces before a text. Without names it returns the text.
func InNamespaces(names []string, text string) string {
	if len(names) == 0 {
		return text
	}
	list := strings.Join(names[:min(len(names), namesShown)], ", ")
	if more := len(names) - namesShown; more > 0 {
		list += " and " + human.Count(uint64(more)) + " more"
	}
	return list + ": " + text
}
