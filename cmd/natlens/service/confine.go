//go:build linux

package service

import (
	"fmt"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// Confine takes from this process, for good, what an open run does not need: it can create and change files in dirs
// only, and of its capabilities it keeps CAP_NET_ADMIN, and as root CAP_DAC_OVERRIDE. Where the kernel has no Landlock,
// files stay as they are. Afterwards the process can neither enter namespaces nor see into others.
func Confine(dirs ...string) error {
	err := landlock.V5.BestEffort().RestrictPaths(landlock.RODirs("/"), landlock.RWDirs(dirs...))
	if err != nil {
		return fmt.Errorf("restrict files by Landlock: %w", err)
	}
	keep := uint32(1 << unix.CAP_NET_ADMIN)
	if unix.Geteuid() == 0 {
		keep |= 1 << unix.CAP_DAC_OVERRIDE
	}
	return keepCapabilities(keep)
}

// keepCapabilities drops all capabilities of every thread but those of the mask. All that natlens knows are in its 32
// bits but CAP_BPF, which a run needs only to begin.
func keepCapabilities(mask uint32) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var set [2]unix.CapUserData
	if err := unix.Capget(&header, &set[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	set[0].Effective &= mask
	set[0].Permitted &= mask
	set[1].Effective, set[1].Permitted = 0, 0
	set[0].Inheritable, set[1].Inheritable = 0, 0
	header.Pid = 0
	_, _, errno := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)),
		uintptr(unsafe.Pointer(&set[0])), 0)
	if errno != 0 {
		return fmt.Errorf("capset: %w", errno)
	}
	return nil
}
