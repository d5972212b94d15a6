//go:build linux

package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// Entered reports that the process runs in a user namespace that the lab made: it is root there, but a plain user
// outside. Package lab sets it.
var Entered bool

// Open opens a network namespace by its ip-netns(8) name, by the path of its file,
// or by the id of a process in it.
func Open(which string) (*os.File, error) {
	path := filepath.Join(Dir, which)
	missing := "there is no " + path + "; ip netns list shows the names"
	switch _, err := strconv.ParseUint(which, 10, 31); {
	case strings.Contains(which, "/"):
		path, missing = which, "there is no such file"
	case err == nil:
		path, missing = "/proc/"+which+"/ns/net", "there is no process with this id"
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New(missing)
	}
	if err != nil {
		return nil, err
	}
	if kind, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE); err != nil || kind != unix.CLONE_NEWNET {
		f.Close()
		return nil, fmt.Errorf("%s is not a network namespace", path)
	}
	return f, nil
}

// Identify returns the inode of an open network namespace, by its file descriptor
// (0: the caller's), and a path that reaches it while this process has it open.
func Identify(fd int) (monitor.Namespace, error) {
	path := "/proc/self/ns/net"
	if fd != 0 {
		path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return monitor.Namespace{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return monitor.Namespace{Name: path, Inode: st.Ino}, nil
}

// UnseenError is the number of processes that can't be read for want of privilege.
type UnseenError int

func (n UnseenError) Error() string {
	return fmt.Sprintf("%d of the host's processes can't be read; "+
		"network namespaces that only they live in are left out", int(n))
}
