package doctor

import (
	"cmp"
	"fmt"
)

// Level is what a check found.
type Level uint8

// The levels.
const (
	OK   Level = iota // all is well
	Warn              // something is less than it could be, or may become a trouble
	Fail              // something is wrong now
	Skip              // it could not be looked at
)

// String returns the word that JSON uses: ok, warn, fail, skip.
func (l Level) String() string {
	return [...]string{"ok", "warn", "fail", "skip"}[min(l, Skip)]
}

// MarshalText makes the word what JSON shows.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Check is one answer. ID never changes its meaning; Text is a line for people,
// without a newline.
type Check struct {
	ID       string         `json:"id"`
	Level    Level          `json:"level"`
	Text     string         `json:"text"`               // the reason, and what it was seen by
	Evidence map[string]any `json:"evidence,omitempty"` // the figures behind Text
	Command  string         `json:"command,omitempty"`  // what mends it, for a shell
	Fix      []Setting      `json:"fix,omitempty"`      // what of it doctor --fix does
}

// Setting is a sysctl of the network namespace and the value that mends.
type Setting struct {
	Name  string `json:"name"`
	Value uint64 `json:"value"`
}

// Diagnose makes all checks, always the same ones in the same order.
func Diagnose(s *Snapshot, l Limits) []Check {
	checks := []func(*Snapshot, Limits) Check{
		privilege, conntrack, hook, events, ring, queue,
		acct, timestamp, helper, labels, offload,
		table, growth, buckets, who, reclaim,
	}
	var all []Check
	for _, c := range checks {
		all = append(all, c(s, l))
	}
	all = append(all, counters(s, l)...)
	return append(all, established(s, l), udp(s, l))
}

// Worst returns the gravest level of the checks; what was skipped is none.
func Worst(all []Check) (worst Level) {
	for _, c := range all {
		if c.Level != Skip {
			worst = max(worst, c.Level)
		}
	}
	return worst
}

// Fixes returns the settings that --fix would make, for the checks that are not
// well.
func Fixes(all []Check) (fixes []Setting) {
	for _, c := range all {
		if c.Level == Warn || c.Level == Fail {
			fixes = append(fixes, c.Fix...)
		}
	}
	return fixes
}

// skipped is a check that could not be made.
func skipped(id, why string) Check {
	return Check{ID: id, Level: Skip, Text: "not looked at: " + why}
}

// unprivileged is why a check was not made that takes what the check of the
// privilege says is missing.
const unprivileged = "it takes the privilege that is missing"

// sysctlPrefix begins the names of Snapshot.Sysctls.
const sysctlPrefix = "net.netfilter.nf_conntrack_"

// set makes the check one that a sysctl mends; safe lets --fix do it.
func (c *Check) set(s *Snapshot, name string, value uint64, safe bool) {
	c.Command = s.shell(fmt.Sprintf("sysctl -w %s=%d", name, value))
	if safe {
		c.Fix = []Setting{{name, value}}
	}
}

// shell returns the command as it has to be typed to run in the namespace.
func (s *Snapshot) shell(command string) string {
	return s.Place.Enter() + command
}

// host returns the command that makes a setting of the whole host.
func (s *Snapshot) host(name string, value uint64) string {
	text := fmt.Sprintf("sysctl -w %s=%d", name, value)
	switch {
	case s.Place.Host:
		return text
	case s.Place.Sudo:
		return "sudo " + text // in the host's own network namespace
	}
	return "nsenter --net=/proc/1/ns/net " + text // root, within another one
}

// share is n of all in percent, 0 of none.
func share(n, all uint64) float64 {
	return 100 * float64(n) / float64(cmp.Or(all, 1))
}
