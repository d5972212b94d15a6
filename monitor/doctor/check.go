// Package doctor checks connection tracking: whether natlens gets all events, and whether the
// table of this gateway has problems. Each check has evidence and a command that fixes the
// problem.
//
//	for _, c := range doctor.Diagnose(&snapshot) {
//		fmt.Println(c.Level, c.ID, c.Text, c.Command)
//	}
//
// Checks are pure functions of a [Snapshot], which package probe reads. docs/doctor.md lists
// them with their thresholds and the reasons.
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
	OK   Level = iota // no problem
	Warn              // can be improved, or may become a problem
	Fail              // something is wrong now
	Skip              // not checked
)

// String returns the word that JSON uses: ok, warn, fail, skip.
func (l Level) String() string {
	return [...]string{"ok", "warn", "fail", "skip"}[min(l, Skip)]
}

// MarshalText returns String.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Check is the result of one check. The meaning of an ID never changes. Text is a line for
// people, without a newline.
type Check struct {
	ID       string         `json:"id"`
	Level    Level          `json:"level"`
	Text     string         `json:"text"`
	Evidence map[string]any `json:"evidence,omitempty"` // the numbers in Text
	Command  string         `json:"command,omitempty"`  // shell command that fixes the problem
	Fix      []Setting      `json:"fix,omitempty"`      // the settings that doctor --fix sets
	In       []string       `json:"netns,omitempty"`    // by Merge: names of the namespaces with this level
	Means    string         `json:"-"`                  // of a counter: what its growth means
}

// Setting is a sysctl of the network namespace and the value to set.
type Setting struct {
	Name  string `json:"name"`
	Value uint64 `json:"value"`
}

// say adds to the text.
func (c *Check) say(format string, args ...any) { c.Text += fmt.Sprintf(format, args...) }

// skip marks the check as not made.
func (c *Check) skip(why string) { *c = Check{ID: c.ID, Level: Skip, Text: "not checked: " + why} }

// Fixes returns the settings that --fix sets for the checks that warn or fail.
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

// set sets Command to a command that sets a sysctl. If safe is true, --fix may set it too.
func (c *Check) set(s *Snapshot, name string, value uint64, safe bool) {
	c.Command = s.shell(fmt.Sprintf("sysctl -w %s%s=%d", sysctlPrefix, name, value))
	if safe {
		c.Fix = []Setting{{sysctlPrefix + name, value}}
	}
}

// percent returns n as a percentage of all; 0 if all is 0.
func percent(n, all uint64) float64 { return 100 * float64(n) / float64(cmp.Or(all, 1)) }

// round rounds a duration for people.
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

// kind is a check, with what it needs from the snapshot.
type kind struct {
	id     string
	needs  need
	sysctl string // nf_conntrack_…; without this sysctl the check is skipped; "": none
	check  func(*Snapshot, *Check)
}

type need uint8

const (
	needNothing   need = iota
	needPrivilege      // to read flows, rules and events
	needCounts         // of the flows
)

// kinds are the checks in their order.
var kinds = slices.Concat([]kind{
	{"privilege", needNothing, "", privilege},
	{"conntrack", needNothing, "", conntrack},
	{"hook", needPrivilege, "", hook},
	{"events", needNothing, "events", events},
	{"ring", needPrivilege, "", ring},
	{"queue", needPrivilege, "", queue},
	{"acct", needNothing, "acct", acct},
	{"timestamp", needNothing, "timestamp", timestamp},
	{"helper", needCounts, "", helper},
	{"labels", needCounts, "", labels},
	{"offload", needCounts, "", offload},
	{"table", needPrivilege, "", table},
	{"growth", needPrivilege, "", growth},
	{"buckets", needPrivilege, "buckets", buckets},
	{"who", needCounts, "", who},
	{"reclaim", needCounts, "", reclaim},
}, counterKinds(), []kind{
	{"timeout.established", needNothing, "tcp_timeout_established", established},
	{"timeout.udp", needNothing, "udp_timeout", udp},
})

// Diagnose makes all checks. It always returns the same ones in the same order.
func Diagnose(s *Snapshot) (all []Check) {
	for i := range kinds {
		all = append(all, kinds[i].run(s))
	}
	return all
}

func (k *kind) run(s *Snapshot) Check {
	c := Check{ID: k.id, Evidence: map[string]any{}}
	switch _, known := s.Sysctls[k.sysctl]; {
	case k.needs >= needPrivilege && s.Denied != "":
		c.skip("a privilege is missing")
	case k.needs == needCounts && s.Counts == nil:
		c.skip("the table was not read")
	case k.sysctl != "" && !known:
		c.skip("there is no " + sysctlPrefix + k.sysctl)
	default:
		k.check(s, &c)
	}
	return c
}

// Quiet returns the most likely reason why no event comes, and a command that changes it ("" if
// there is none). It uses only Place, Sysctls, Tracking, Fill and Denied.
func Quiet(s *Snapshot) (reason, command string) {
	for _, k := range []kind{{check: conntrack}, {sysctl: "events", check: events}, {needs: needPrivilege,
		check: hook}} {
		if c := k.run(s); c.Level == Fail || c.Level == Warn {
			return c.Text, c.Command
		}
	}
	flows := human.Plural(s.Fill.End, "flow")
	if s.Sysctls["events"] == 2 && s.Fill.End > 0 {
		var c Check
		c.set(s, "events", 1, true)
		return fmt.Sprintf("no flow began or ended; of %s in the table, those that began while nobody listened send "+
			"no events (nf_conntrack_events is 2)", flows), c.Command
	}
	return fmt.Sprintf("no flow began, changed or ended in this network namespace, which tracks %s; other "+
		"namespaces have events of their own", flows), "ip netns list"
}

// Uncounted reports that new flows have no counters of packets and bytes, with a command that
// turns counters on. It returns "" if they have counters. It uses only Place and Sysctls.
func Uncounted(s *Snapshot) (reason, command string) {
	k := kind{sysctl: "acct", check: acct}
	if c := k.run(s); c.Level == Warn {
		return c.Text, c.Command
	}
	return "", ""
}
