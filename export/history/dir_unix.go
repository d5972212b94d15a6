//go:build unix

package history

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// onlyOurs returns why others can write to the directory; nil if they cannot. A writer also
// rejects a directory of another user.
func onlyOurs(st fs.FileInfo, writing bool) error {
	if owner, ok := st.Sys().(*syscall.Stat_t); writing && ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return errors.New("it belongs to another user")
	}
	if st.Mode().Perm()&0o022 != 0 {
		return errors.New("its group or others can write to it")
	}
	return nil
}

// openToAll reports whether every user can rename files of others in a directory.
func openToAll(mode fs.FileMode) bool { return mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0 }
