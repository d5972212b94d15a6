//go:build linux

package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"natlens/monitor/netns"
)

// NetnsDir is where ip-netns(8) keeps named network namespaces.
const NetnsDir = netns.Dir

// NetnsError says why a network namespace that is there cannot be opened.
type NetnsError struct{ error }

func (e NetnsError) Unwrap() error { return e.error }

// OpenNetNS opens a network namespace by its ip-netns(8) name, by the path of
// its file, or by the id of a process in it. "" is the caller's own, for which
// the file is nil.
func OpenNetNS(which string) (*os.File, error) {
	switch which {
	case "":
		return nil, nil
	case EveryNetNS:
		return nil, Usagef("--netns all: this command looks into one network namespace; natlens, watch, list and stats look into all")
	}
	f, err := netns.Open(which)
	if err == nil {
		return f, nil
	}
	err = fmt.Errorf("--netns %s: %w", which, err)
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, NetnsError{err}
	}
	return nil, err
}

// CompleteNetNS offers the named network namespaces.
func CompleteNetNS(cmd *cobra.Command, _ []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
	if f := cmd.Flag("netns"); f != nil {
		if _, all := f.Annotations["netns-all"]; all {
			names = append(names, cobra.CompletionWithDesc(EveryNetNS, "every network namespace"))
		}
	}
	entries, _ := os.ReadDir(NetnsDir) // no directory, no names
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, cobra.ShellCompDirectiveDefault // or the path of a file
}

// netlinkTable returns a function that opens net/netlink of proc(5) as a thread
// in the namespace sees it, nil for the caller's own namespace.
func netlinkTable(ns *os.File) func() (io.ReadCloser, error) {
	if ns == nil {
		return nil
	}
	return func() (f io.ReadCloser, err error) {
		err = netns.Do(NetnsFD(ns), func() (err error) {
			f, err = os.Open("/proc/thread-self/net/netlink")
			return err
		})
		return f, err
	}
}

// namespaceNames are the names of the network namespaces that there are, as far as
// they can be seen.
func namespaceNames() (names []string) {
	var f netns.Finder
	if f.Scan() != nil {
		return nil
	}
	for _, n := range f.Found() {
		names = append(names, n.Name)
	}
	return names
}

// NetnsFD returns the descriptor of an open namespace, 0 for the caller's own.
func NetnsFD(netns *os.File) int {
	if netns == nil {
		return 0
	}
	return int(netns.Fd())
}
