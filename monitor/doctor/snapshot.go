package doctor

import (
	"strings"
	"time"

	"natlens/monitor"
)

// Snapshot is all that the checks know. Who gathers it leaves out what could not
// be had, and says so where a field is for that.
type Snapshot struct {
	Look time.Duration // how long events and counters were looked at

	// Denied says why flows, rules and events could not be read; "" if they
	// could. Only the sysctls stand then.
	Denied string

	// Place is how commands get to the network namespace that was looked at.
	Place Place

	// Sysctls are the settings net.netfilter.nf_conntrack_…, by what follows
	// that. None: the kernel has no connection tracking.
	Sysctls map[string]uint64
	RMemMax uint64 // net.core.rmem_max; 0 if it is not to be seen here

	Tracking Tracking
	Capture  Capture
	Fill     Fill
	Counters map[string]Moved // by conntrack(8)'s word; those that the kernel keeps
	Census   *Census          // the flows of the table
}

// Place is where a command that mends something has to run.
type Place struct {
	Sudo   bool   // it needs sudo(8)
	NetNS  string // the value of --netns, quoted for a shell; "" for here
	Prefix string // what enters that namespace: "ip netns exec red "; "" for here

	// Host tells that settings of the whole host, such as nf_conntrack_max, can
	// be made from where the command is typed.
	Host bool
}

// Enter is what stands before a command that is to run there, with a blank behind
// it; "" for nothing.
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

// Tracking says what turns connection tracking on.
type Tracking struct {
	IPv4, IPv6 bool
	By         []string // the first few rules that do
	Count      int      // all of them
	Legacy     []string // tables of iptables-legacy, whose rules can't be read
	Unread     string   // why rules could not be read; "" if they could
}

// Capture is how the events came during the look.
type Capture struct {
	Way      string // "ring" or "socket"
	NotRing  string // why not the ring; "" if it was
	Capacity int    // bytes of queue granted
	Events   uint64
	Lost     uint64
}

// Fill is how full the table was when the look began and ended.
type Fill struct {
	Begin, End uint64
	Max        uint64 // 0: not known
}

// Moved is a counter of the kernel: all that it counted, and since the look began.
type Moved struct{ Total, Moved uint64 }

// PerSecond returns n of a look as a rate.
func (s *Snapshot) PerSecond(n uint64) float64 {
	if s.Look <= 0 {
		return 0
	}
	return float64(n) / s.Look.Seconds()
}

// PerMinute is how many flows the table grew by, or shrank.
func (s *Snapshot) PerMinute() float64 {
	if s.Look <= 0 {
		return 0
	}
	return (float64(s.Fill.End) - float64(s.Fill.Begin)) / s.Look.Minutes()
}
