//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor/netns"
)

// enteredEnv marks the re-executed child. A child that may not make namespaces fails
// instead of re-executing itself forever.
const enteredEnv = "NATLENS_LAB_ENTERED"

// Enter makes sure that this process may make network namespaces. Call it first in
// main, before flags are read or goroutines are started.
//
// If the process has CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW (root on the host),
// Enter returns nil and makes no user namespace, so that the BPF ring remains usable.
// Otherwise it runs the same program with the same arguments as root of a new user and
// network namespace. It passes on standard files, SIGINT, SIGTERM, SIGHUP and SIGQUIT,
// and exits with the child's exit code (128+n if signal n ended it); it returns only an
// error, if the child cannot be started. The child gets SIGTERM if this process dies
// first.
func Enter() error {
	_, entered := os.LookupEnv(enteredEnv)
	os.Unsetenv(enteredEnv)
	isEntered.Store(entered)
	err := mayUnshare()
	switch {
	case err == nil && entered:
		return loopbackUp()
	case err == nil:
		return nil
	case entered:
		return refused(err)
	}
	code, err := reexec()
	if err != nil {
		return refused(err)
	}
	os.Exit(code)
	return nil
}

// isEntered is what Entered returns.
var isEntered atomic.Bool

// Entered reports whether the process runs in a user namespace that Enter made. It is
// root there, but a plain user outside.
func Entered() bool { return isEntered.Load() }

// mayUnshare returns an error if a capability is missing or a network namespace cannot
// be made.
func mayUnshare() error {
	if err := haveCapabilities(unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW); err != nil {
		return err
	}
	if err := netns.OnThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) }); err != nil {
		return fmt.Errorf("unshare network namespace: %w", err)
	}
	return nil
}

func haveCapabilities(want ...uint) error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	for _, c := range want {
		if data[c/32].Effective&(1<<(c%32)) == 0 {
			return fmt.Errorf("capability %d is missing: %w", c, unix.EPERM)
		}
	}
	return nil
}

// reexec runs this program again in a new user and network namespace and returns its
// exit code.
func reexec() (int, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), enteredEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// The network namespace belongs to the new user namespace: threads may return
		// to it with setns.
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGTERM, // when the parent thread dies
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	done := make(chan struct{})
	defer close(done)
	go forwardSignals(cmd.Process, signals, done)

	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// forwardSignals passes signals on to the child until done is closed. A signal from the
// terminal (^C, ^\, hang-up) reaches the whole foreground process group, with the child.
// It is not passed on: most programs end at once at the second signal.
func forwardSignals(child *os.Process, signals <-chan os.Signal, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case s := <-signals:
			if s != syscall.SIGTERM && inForeground() {
				continue
			}
			// The only error is that the child is gone, which Wait reports.
			_ = child.Signal(s)
		}
	}
}

// inForeground reports whether this process is in the foreground process group of its
// controlling terminal.
func inForeground() bool {
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer unix.Close(tty)
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// loopbackUp sets up lo, which is down in a new namespace. Tests use 127.0.0.1.
func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("loopback up: %w", err)
	}
	return nil
}
