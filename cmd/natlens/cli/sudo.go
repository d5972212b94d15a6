//go:build linux

package cli

import (
	"os"
	"path/filepath"
	"syscall"

	"natlens/monitor/lab"
)

// Sudo reports whether a command that the user types needs sudo(8). Root of the lab's user namespace is an ordinary
// user outside of it.
func Sudo() bool { return os.Geteuid() != 0 || lab.Entered() }

// Owned reports whether a directory belongs to the user that natlens runs as. If it does not exist, the nearest
// directory above it that exists is checked.
func Owned(dir string) bool {
	info, err := os.Stat(dir)
	if os.IsNotExist(err) && dir != filepath.Dir(dir) {
		return Owned(filepath.Dir(dir))
	}
	return err == nil && int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid()
}
