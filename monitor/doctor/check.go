package doctor

import (
	"cmp"
	"fmt"
	"time"
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
