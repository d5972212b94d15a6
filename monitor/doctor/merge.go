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

// Merge returns the worst result of each check in several namespaces; of equally bad ones the
// first, and of those that are OK that of the fullest table. If it is Warn or Fail, Text names
// the namespaces that have it, and if it is OK and the texts differ, the one that it is about.
func Merge(all []Named) (merged []Check) {
	if len(all) == 0 {
		return nil
	}
	for i := range all[0].Checks { // Diagnose always returns the same checks in the same order
		about, differ := all[0], false
		var in []string
		for _, n := range all {
			switch c, m := &n.Checks[i], &about.Checks[i]; {
			case grave(c.Level) > grave(m.Level):
				about, differ, in = n, false, []string{n.Name}
			case c.Level == m.Level:
				differ, in = differ || c.Text != m.Text, append(in, n.Name)
				if c.Level == OK && n.Snapshot.Fill.End > about.Snapshot.Fill.End {
					about = n
				}
			}
		}
		m := about.Checks[i]
		switch {
		case len(all) == 1:
			in = nil
		case m.Level == Warn || m.Level == Fail:
			m.Text = InNamespaces(in, m.Text)
		case differ:
			m.Text = InNamespaces([]string{about.Name}, m.Text)
		}
		m.In = in
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
