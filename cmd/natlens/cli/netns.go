//go:build linux

package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"natlens/monitor"
	"natlens/monitor/netns"
)

// NetnsError is the reason why an existing network namespace cannot be opened.
type NetnsError struct{ error }

func (e NetnsError) Unwrap() error { return e.error }

// OpenNetNS opens the network namespace of --netns. For "", the caller's own, the file is nil.
func OpenNetNS(which string) (*os.File, error) {
	switch which {
	case "":
		return nil, nil
	case EveryNetNS:
		return nil, Usagef("--netns all: this command reads one network namespace")
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

// NetnsFD returns the descriptor of an open namespace; 0 for nil, the caller's own.
func NetnsFD(file *os.File) int {
	if file == nil {
		return 0
	}
	return int(file.Fd())
}

// CompleteNetNS completes --netns: named network namespaces, or the path of a file.
func CompleteNetNS(cmd *cobra.Command, _ []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
	if f := cmd.Flag("netns"); f != nil {
		if _, all := f.Annotations["netns-all"]; all {
			names = append(names, cobra.CompletionWithDesc(EveryNetNS, "every network namespace"))
		}
	}
	entries, _ := os.ReadDir(netns.Dir) // no directory, no names
	for _, e := range entries {
		if monitor.Escape(e.Name()) == e.Name() { // a shell would print other names unescaped
			names = append(names, e.Name())
		}
	}
	return names, cobra.ShellCompDirectiveDefault
}

// netlinkTable returns a function that opens /proc/net/netlink of a network namespace; nil for the caller's own (0).
func netlinkTable(fd int) func() (io.ReadCloser, error) {
	if fd == 0 {
		return nil
	}
	return func() (f io.ReadCloser, err error) {
		err = netns.Do(fd, func() (err error) {
			f, err = os.Open("/proc/thread-self/net/netlink")
			return err
		})
		return f, err
	}
}

func namespaceNames() (names []string) {
	var f netns.Finder
	if f.Scan() != nil {
		return nil
	}
	for _, n := range f.Found() {
		if monitor.Escape(n.Name) == n.Name {
			names = append(names, n.Name)
		}
	}
	return names
}

// Sudo reports whether a command that the user types needs sudo(8). Root of the lab's user
// namespace is an ordinary user outside.
func Sudo() bool { return os.Geteuid() != 0 || netns.Entered }

// Owned reports whether a directory belongs to the user that natlens runs as, and no other user
// except root can replace it or a directory above it. If it does not exist, Owned checks the
// nearest existing directory above it.
func Owned(dir string) bool {
	name, err := filepath.Abs(dir)
	top, topErr := os.Stat("/") // owned by root, also in a user namespace that does not map root
	if errors.Join(err, topErr) != nil {
		return false
	}
	root := top.Sys().(*syscall.Stat_t).Uid
	for exists := false; ; name = filepath.Dir(name) {
		info, err := os.Lstat(name)
		if os.IsNotExist(err) && !exists && name != filepath.Dir(name) {
			continue
		}
		if err != nil {
			return false
		}
		owner, mode := info.Sys().(*syscall.Stat_t).Uid, info.Mode()
		shared := mode&0o002 != 0 && mode&(os.ModeSticky|os.ModeSymlink) == 0
		if int(owner) != os.Geteuid() && (owner != root || !exists) || shared {
			return false
		}
		if exists = true; name == filepath.Dir(name) {
			return true
		}
	}
}
