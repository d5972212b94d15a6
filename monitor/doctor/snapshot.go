package doctor

import (
	"fmt"
	"strings"
	"time"

	"natlens/monitor"
)

// Snapshot is all that the checks know. What could not be read is left out.
type Snapshot struct {
	Span time.Duration // for which events and counters were observed

	// Denied says why flows, rules and events could not be read; "" if they could.
	// Only Place and the sysctls are known then.
	Denied string

	Place   Place             // how commands reach the network namespace
	Sysctls map[string]uint64 // net.netfilter.nf_conntrack_…, by what follows that; none: no connection tracking
	RMemMax uint64            // net.core.rmem_max; 0 if it can't be read here

	Tracking Tracking
	Capture  Capture
	Fill     Fill
	Counters map[string]Moved // those that the kernel keeps, by conntrack(8)'s word
	Counts   *Counts          // of the flows in the table; nil: it was not read
}

// Tracking says what turns connection tracking on.
type Tracking struct {
	IPv4, IPv6 bool
	By         []string // the first few rules that do
	Count      int      // all of them
	Legacy     []string // tables of iptables-legacy, whose rules can't be read
	Unread     string   // why rules could not be read; "" if they could
}

// Capture is how the events came.
type Capture struct {
	Way      string // "ring" or "socket"
	NotRing  string // why not the ring; "" if it was
	Capacity int    // bytes of queue
	Events   uint64
	Lost     uint64
}

// Fill is the number of flows in the table when the span began and ended.
type Fill struct {
	Begin, End uint64
	Max        uint64 // nf_conntrack_max; 0: not known
}

// Moved is a counter of the kernel: since boot, and within the span.
type Moved struct{ Total, Moved uint64 }

// PerSecond returns n in the span as a rate.
func (s *Snapshot) PerSecond(n uint64) float64 {
	if s.Span <= 0 {
		return 0
	}
	return float64(n) / s.Span.Seconds()
}

// PerMinute returns by how many flows a minute the table grew; it is negative if the table
// shrank.
func (s *Snapshot) PerMinute() float64 {
	if s.Span <= 0 {
		return 0
	}
	return (float64(s.Fill.End) - float64(s.Fill.Begin)) / s.Span.Minutes()
}

// Place says how a typed command reaches a network namespace.
type Place struct {
	Sudo   bool   // it needs sudo(8)
	NetNS  string // the value of --netns, quoted for a shell; "" for here
	Prefix string // what enters the namespace: "ip netns exec red "; "" for here

	// Host says that settings of the whole host, such as nf_conntrack_max, can be made
	// where the command is typed.
	Host bool
}

// Enter returns what comes before a command that has to run there, with a blank behind it;
// "" for nothing.
func (p Place) Enter() string {
	if p.Sudo {
		return "sudo " + p.Prefix
	}
	return p.Prefix
}

// Natlens returns a command line of natlens for the namespace, quoted for a shell.
// args[0] is the command.
func (p Place) Natlens(args ...string) string {
	line := "natlens " + args[0]
	if p.NetNS != "" {
		line += " --netns " + p.NetNS
	}
	if p.Sudo {
		line = "sudo " + line
	}
	return strings.TrimRight(line+" "+monitor.ShellLine(args[1:]...), " ")
}

// shell returns the command as it has to be typed to run in the namespace.
func (s *Snapshot) shell(command string) string { return s.Place.Enter() + command }

// host returns the command that makes a setting of the whole host.
func (s *Snapshot) host(name string, value uint64) string {
	text := fmt.Sprintf("sysctl -w %s=%d", name, value)
	switch {
	case s.Place.Host:
		return text
	case s.Place.Sudo:
		return "sudo " + text // in the host's own network namespace
	}
	return "nsenter --net=/proc/1/ns/net " + text // root, in another one
}
