//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoSysctl says that the kernel has no such setting, or that it has it in the
// initial network namespace only.
var ErrNoSysctl = errors.New("no such setting here")

// ReadSysctl returns a setting as a network namespace (0: the caller's) shows
// it, by the name that sysctl(8) gives it.
func ReadSysctl(netns int, name string) (value string, err error) {
	err = InNetNS(netns, func() error {
		text, err := os.ReadFile(sysctlFile(name))
		value = strings.TrimSpace(string(text))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, sysctlError(err))
	}
	return value, nil
}

// WriteSysctl sets a setting of a network namespace (0: the caller's).
func WriteSysctl(netns int, name, value string) error {
	err := InNetNS(netns, func() error {
		f, err := os.OpenFile(sysctlFile(name), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(value)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		return fmt.Errorf("set %s to %s: %w", name, value, sysctlError(err))
	}
	return nil
}

func sysctlFile(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }

// sysctlError leaves the path out, which says nothing that the name does not.
func sysctlError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoSysctl
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

// NetNSCookie returns the number by which the kernel tells a network namespace
// (0: the caller's) from all others since it was booted: unlike an inode number
// it is never given twice. It needs Linux 5.14.
func NetNSCookie(netns int) (cookie uint64, err error) {
	err = InNetNS(netns, func() error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer unix.Close(fd)
		cookie, err = unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
		return os.NewSyscallError("getsockopt", err)
	})
	if err != nil {
		return 0, fmt.Errorf("identify network namespace: %w", err)
	}
	return cookie, nil
}
