//go:build linux

package netns

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do calls f on a thread in a network namespace (0: the caller's). The thread
// ends with f.
func Do(netns int, f func() error) error {
	if netns == 0 {
		return f()
	}
	return OnThread(func() error {
		if err := unix.Setns(netns, unix.CLONE_NEWNET); err != nil {
			return Privilege(os.NewSyscallError("setns", err))
		}
		return f()
	})
}

// OnThread calls f on a thread that ends with f, and that is not the main thread.
func OnThread(f func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// But for the main thread, which can't end: it would stay in the other
			// namespace and keep it alive, and all would take this process for one
			// that lives there. While it waits here another thread has to do it.
			defer runtime.UnlockOSThread()
			done <- OnThread(f)
			return
		}
		done <- f()
	}()
	return <-done
}

// Cookie returns the number by which the kernel tells a network namespace
// (0: the caller's) from all others since it was booted: unlike an inode number
// it is never given twice. It needs Linux 5.14.
func Cookie(netns int) (cookie uint64, err error) {
	err = Do(netns, func() error {
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
