package doctor

import (
	"fmt"
	"strings"
	"time"

	"natlens/monitor"
)

// Snapshot is the input of the checks. Values that could not be read are absent.
type Snapshot struct {
	Span time.Duration // how long events and counters were observed

	// Denied says why flows, rules and events could not be read; "" if they could. If it is
	// set, only Place and Sysctls are known.
	Denied string

	Place   Place             // how commands reach the network namespace
	Sysctls map[string]uint64 // net.netfilter.nf_conntrack_…, by the rest of the name; empty: no connection tracking
	RMemMax uint64            // net.core.rmem_max; 0 if it cannot be read

	Tracking monitor.Tracking
	Capture  Capture
	Seen     uint64 // events of this namespace; Capture.Events are those of all captured ones
	Fill     Fill
	Counters map[string]Moved // the kernel's counters, by conntrack(8)'s names
	Counts   *Counts          // of the flows in the table; nil: the table was not read
}

// Capture describes how events were captured.
type Capture struct {
	Way      string // "ring" or "socket"
	NotRing  string // why the ring was not used; "" if it was
	Capacity int    // size of the queue in bytes
	Events   uint64
	Lost     uint64
}

// Fill is the number of flows in the table at the begin and end of Span.
type Fill struct {
	Begin, End uint64
	Max        uint64 // nf_conntrack_max; 0: unknown
}

// Moved is a kernel counter: since boot, and during Span.
type Moved struct{ Total, Moved uint64 }

// PerSecond returns n events during Span as a rate.
func (s *Snapshot) PerSecond(n uint64) float64 {
	if s.Span <= 0 {
		return 0
	}
	return float64(n) / s.Span.Seconds()
}

// Place says how a command that a user types reaches a network namespace.
type Place struct {
	Sudo   bool   // commands need sudo(8)
	NetNS  string // the value of --netns, quoted for a shell; "": the current namespace
	Prefix string // command that enters the namespace: "ip netns exec red "; "": the current namespace

	// Host reports that settings of the whole host, such as nf_conntrack_max, can be set from
	// the current namespace.
	Host bool
}

// Enter returns what to put before a command that must run in the namespace, with a space after
// it, or "".
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

// shell returns a command line that runs command in the namespace.
func (s *Snapshot) shell(command string) string { return s.Place.Enter() + command }

// Setting returns the command that sets a setting of the whole host.
func (p Place) Setting(name string, value uint64) string {
	text := fmt.Sprintf("sysctl -w %s=%d", name, value)
	switch {
	case p.Host:
		return text
	case p.Sudo:
		return "sudo " + text // in the host's own network namespace
	}
	return "nsenter --net=/proc/1/ns/net " + text // root, in another one
}
