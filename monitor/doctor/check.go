package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"natlens/monitor/human"
)

// Level is the result of a check.
type Level uint8

// The levels.
const (
	OK   Level = iota // all is well
	Warn              // something could be better, or may become a problem
	Fail              // something is wrong now
	Skip              // the check could not be made
)

// String returns the word that JSON uses: ok, warn, fail, skip.
func (l Level) String() string {
	return [...]string{"ok", "warn", "fail", "skip"}[min(l, Skip)]
}

// MarshalText returns the same word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Check is one answer. ID never changes its meaning; Text is a line for people,
// without a newline.
type Check struct {
	ID       string         `json:"id"`
	Level    Level          `json:"level"`
	Text     string         `json:"text"`
	Evidence map[string]any `json:"evidence,omitempty"` // the figures behind Text
	Command  string         `json:"command,omitempty"`  // what fixes it, for a shell
	Fix      []Setting      `json:"fix,omitempty"`      // what of it doctor --fix does
}

// Setting is a sysctl of the network namespace and the value to set.
type Setting struct {
	Name  string `json:"name"`
	Value uint64 `json:"value"`
}

// skip makes the check one that could not be made.
func (c *Check) skip(why string) { *c = Check{ID: c.ID, Level: Skip, Text: "not checked: " + why} }

// Fixes returns the settings that --fix makes for the checks that warn or fail.
func Fixes(all []Check) (fixes []Setting) {
	for _, c := range all {
		if c.Level == Warn || c.Level == Fail {
			fixes = append(fixes, c.Fix...)
		}
	}
	return fixes
}

// sysctlPrefix begins the names of Snapshot.Sysctls.
const sysctlPrefix = "net.netfilter.nf_conntrack_"

// set gives the check the command that sets a sysctl; safe lets --fix do it.
func (c *Check) set(s *Snapshot, name string, value uint64, safe bool) {
	c.Command = s.shell(fmt.Sprintf("sysctl -w %s%s=%d", sysctlPrefix, name, value))
	if safe {
		c.Fix = []Setting{{sysctlPrefix + name, value}}
	}
}

// percent returns n of all in percent, 0 of none.
func percent(n, all uint64) float64 { return 100 * float64(n) / float64(cmp.Or(all, 1)) }

// round rounds the length of a run for people.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

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
