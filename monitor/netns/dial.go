//go:build linux

package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Dial opens a netlink socket in a network namespace (0: the caller's).
func Dial(protocol, ns int) (*netlink.Conn, error) {
	conn, err := netlink.Dial(protocol, &netlink.Config{NetNS: ns})
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", Privilege(err))
	}
	return conn, nil
}

// DialKernel opens a netlink socket for requests and events in a network namespace (0: the
// caller's). Only the kernel can send to it.
func DialKernel(protocol, ns int) (*netlink.Conn, error) {
	conn, err := Dial(protocol, ns)
	if err != nil {
		return nil, err
	}
	if err := OnlyKernel(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// OnlyKernel makes the kernel reject messages of other processes to a netlink socket: it
// connects the socket to the kernel's port id, which is 0, and drops earlier messages.
// Otherwise any process of the namespace could answer instead of the kernel.
func OnlyKernel(conn *netlink.Conn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) {
		if err = unix.Connect(int(fd), &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return
		}
		for {
			_, _, err := unix.Recvfrom(int(fd), nil, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
			if err != nil && err != unix.EINTR && err != unix.ENOBUFS {
				return
			}
		}
	})
	if err := errors.Join(cerr, err); err != nil {
		return fmt.Errorf("connect netlink socket: %w", err)
	}
	return nil
}

// ErrPrivilege is wrapped by errors without CAP_NET_ADMIN in the user namespace that owns
// the network namespace.
var ErrPrivilege = errors.New("CAP_NET_ADMIN is missing")

// errEnter is ErrPrivilege if another network namespace cannot be entered.
var errEnter error = missing("CAP_SYS_ADMIN is missing")

// missing is an ErrPrivilege with the name of the capability.
type missing string

func (m missing) Error() string { return string(m) }

func (m missing) Is(target error) bool { return target == ErrPrivilege }

// Privilege adds the missing capability to an EPERM.
func Privilege(err error) error {
	call, ok := errors.AsType[*os.SyscallError](err)
	switch {
	case !errors.Is(err, os.ErrPermission), errors.Is(err, ErrPrivilege):
		return err
	case ok && call.Syscall == "setns":
		return fmt.Errorf("%w (%w)", errEnter, err)
	}
	return fmt.Errorf("%w (%w)", ErrPrivilege, err)
}

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
