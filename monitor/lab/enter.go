//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
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
	netns.Entered = entered
	err := mayUnshare()
	switch {
	case err == nil && entered:
		return configure(&netlink.Handle{}, "lo", nil) // down in a new namespace; tests use 127.0.0.1
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

// mayUnshare returns an error if a capability is missing or a network namespace cannot
// be made.
func mayUnshare() error {
	const needed = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&hdr, &have[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	if have[0].Effective&needed != needed {
		return fmt.Errorf("CAP_SYS_ADMIN, CAP_NET_ADMIN or CAP_NET_RAW is missing: %w", unix.EPERM)
	}
	if err := netns.OnThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) }); err != nil {
		return fmt.Errorf("unshare network namespace: %w", err)
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
	defer close(signals)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go forwardSignals(cmd.Process, signals)
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

// forwardSignals passes signals on to the child. A signal from the terminal (^C, ^\,
// hang-up) reaches the whole foreground process group, with the child. It is not passed
// on: most programs end at once at the second signal.
func forwardSignals(child *os.Process, signals <-chan os.Signal) {
	for s := range signals {
		if s == syscall.SIGTERM || !inForeground() {
			_ = child.Signal(s) // fails only if the child is gone, which Wait reports
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

// ErrRefused is wrapped by the error of Enter if this process may make neither network
// namespaces nor a user namespace to make them in.
var ErrRefused = errors.New("network namespaces are refused")

// refused explains cause with the sysctls of this host that refuse user namespaces to
// plain users.
func refused(cause error) error {
	var found []string
	for _, s := range []struct{ name, refuses string }{
		{"kernel.unprivileged_userns_clone", "0"},             // Debian's patch
		{"kernel.apparmor_restrict_unprivileged_userns", "1"}, // Ubuntu since 23.10
		{"user.max_user_namespaces", "0"},
		{"user.max_net_namespaces", "0"},
	} {
		if v, err := os.ReadFile(netns.SysctlFile(s.name)); err == nil && strings.TrimSpace(string(v)) == s.refuses {
			found = append(found, s.name+"="+s.refuses)
		}
	}
	hint := "no sysctl that is known to refuse them is set: " +
		"a container needs --privileged, or a seccomp profile that allows unshare"
	if len(found) > 0 {
		hint = "because of " + strings.Join(found, ", ") + " (change it with sysctl -w, or run as root)"
	}
	return fmt.Errorf("%w: %w; %s", ErrRefused, cause, hint)
}
