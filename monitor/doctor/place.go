package doctor

import (
	"fmt"
	"strings"

	"natlens/monitor"
)

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
