//go:build linux

package annotate

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDenied removes CAP_SYS_PTRACE from a thread. Root then has what it has in a container with
// CAP_NET_ADMIN only.
func TestDenied(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	var own [2]unix.CapUserData
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&head, &own[0]); err != nil {
		t.Fatal(err)
	}
	own[0].Permitted &^= 1 << unix.CAP_SYS_PTRACE
	own[0].Effective &^= 1 << unix.CAP_SYS_PTRACE
	if err := unix.Capset(&head, &own[0]); err != nil {
		t.Fatal(err)
	}
	if err := denied(); err != ErrPtrace {
		t.Errorf("%v, want %v", err, ErrPtrace)
	}
}
