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
	"fmt"
	"time"
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

// say appends to the text.
func (c *Check) say(format string, args ...any) { c.Text += fmt.Sprintf(format, args...) }

// skip replaces the check by one of level Skip, with the reason as its text.
func (c *Check) skip(why string) { *c = Check{ID: c.ID, Level: Skip, Text: "not checked: " + why} }

// Fixes returns the settings of all checks that warn or fail, in the order of the checks.
func Fixes(all []Check) (fixes []Setting) {
	for _, c := range all {
		if c.Level == Warn || c.Level == Fail {
			fixes = append(fixes, c.Fix...)
		}
	}
	return fixes
}

// sysctlPrefix is the part of a sysctl's name that Snapshot.Sysctls omits.
const sysctlPrefix = "net.netfilter.nf_conntrack_"

// set sets Command to a command that sets a sysctl; name has no sysctlPrefix. If safe is true,
// --fix may set it too.
func (c *Check) set(s *Snapshot, name string, value uint64, safe bool) {
	c.Command = s.shell(fmt.Sprintf("sysctl -w %s%s=%d", sysctlPrefix, name, value))
	if safe {
		c.Fix = []Setting{{sysctlPrefix + name, value}}
	}
}

// round rounds a duration to milliseconds, or from one second to tenths of a second.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
