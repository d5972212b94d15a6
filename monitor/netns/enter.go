//go:build linux

package netns

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do calls f on a thread in a network namespace (0: the caller's). The thread ends with f.
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
			// The main thread cannot end. It would keep the other namespace alive, and
			// the process would appear to be there. So another thread calls f.
			defer runtime.UnlockOSThread()
			done <- OnThread(f)
			return
		}
		done <- f()
	}()
	return <-done
}
