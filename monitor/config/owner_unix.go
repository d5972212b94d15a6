//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// checksMode reports whether modes say who can change a file.
const checksMode = true

// ownedByUser reports whether a file belongs to the user that natlens runs as, or to root. In a
// user namespace that does not map root, the owner of / is root.
func ownedByUser(info fs.FileInfo) bool {
	owner := info.Sys().(*syscall.Stat_t).Uid
	top, err := os.Stat("/")
	return int(owner) == os.Geteuid() || owner == 0 || err == nil && owner == top.Sys().(*syscall.Stat_t).Uid
}
